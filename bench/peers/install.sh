#!/bin/sh
# Installs the brokers that script/bench --peers measures, and what draws the
# plots, from Debian. None of them is left running, nor will be after a boot,
# unless it was there before.
set -eu

packages='redis-server nats-server mosquitto nginx libnginx-mod-nchan
    python3-matplotlib strace'
policy=/usr/sbin/policy-rc.d

die() {
    echo "script/bench: $*" >&2
    exit 1
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Asks for a password only where somebody can type one.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# Debian asks this program whether a package may start its service.
forbid_services() {
    [ ! -e "$policy" ] || return 0
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

install_missing() {
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=60 --no-install-recommends install $missing
}

# Where there is systemd, a service would start at the next boot.
disable_services() {
    command -v systemctl >/dev/null || return 0
    for package in $missing; do
        case "$package" in
        redis-server | nats-server | mosquitto | nginx)
            as_root systemctl disable "$package" >/dev/null 2>&1 || true
            ;;
        esac
    done
}

command -v apt-get >/dev/null || die "no apt-get to install:" $packages
missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "script/bench: installing$missing" >&2
forbid_services
install_missing >&2 </dev/null
disable_services
