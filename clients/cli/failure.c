#include "clients/cli/failure.h"

#include <stdio.h>
#include <uv.h>

#include "clients/cli/exit_code.h"

void failure_format(int error,
                    unsigned status,
                    const char *detail,
                    char text[FAILURE_BYTES])
{
    const char *colon = detail[0] != '\0' ? ": " : "";
    if (status != 0) {
        (void)snprintf(text, FAILURE_BYTES, "%s: %u%s%s",
                       ringtail_strerror(error), status, colon, detail);
    } else {
        (void)snprintf(text, FAILURE_BYTES, "%s%s%s", ringtail_strerror(error),
                       colon, detail);
    }
}

static const char *remedy_of(int error)
{
    switch (error) {
    case UV_ECONNREFUSED:
    case UV_ENOENT:
        return ": start a broker with `ringtail serve` or give --url";
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
        return ": nobody knows that host; give another --url";
    case UV_EACCES:
        return ": the socket is not yours to connect to";
    case UV_ETIMEDOUT:
        return ": the host does not answer; give another --url";
    case RINGTAIL_EPROTOCOL:
        return ": something else listens there; give another --url";
    default:
        return "";
    }
}

int failure_no_connection(const char *url,
                          const struct ringtail_failure *failure)
{
    char text[FAILURE_BYTES];
    failure_format(failure->error, failure->status, failure->detail, text);
    (void)fprintf(stderr, "ringtail: cannot connect to %s: %s%s\n", url, text,
                  remedy_of(failure->error));
    return failure->error == RINGTAIL_EREFUSED ? CODE_REFUSED
                                               : CODE_UNAVAILABLE;
}

int failure_no_output(int error)
{
    (void)fprintf(stderr, "ringtail: cannot write: %s\n",
                  ringtail_strerror(error));
    return CODE_FAILED;
}

int failure_no_client(const char *url, const char *topic, int error)
{
    bool is_usage = error == RINGTAIL_EURL || error == RINGTAIL_ETLS ||
                    error == RINGTAIL_ETOPIC || error == RINGTAIL_ETYPE ||
                    error == RINGTAIL_EVALUE;
    (void)fprintf(stderr, "ringtail: %s: %s\n",
                  error == RINGTAIL_ETOPIC ? topic : url,
                  ringtail_strerror(error));
    return is_usage ? CODE_USAGE : CODE_FAILED;
}
