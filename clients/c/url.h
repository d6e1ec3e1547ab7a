/* Where a broker is, from text: no look-ups, and no I/O. */
#ifndef CLIENTS_C_URL_H
#define CLIENTS_C_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

#define RT_URL_HOST_MAX 253 /* bytes of a name, RFC 1035, section 2.3.4 */
#define RT_URL_PATH_MAX 107 /* bytes of a UNIX socket's path */

struct rt_url {
    bool is_unix;
    char path[RT_URL_PATH_MAX + 1]; /* if is_unix */
    /* A name or an IP address, without brackets. */
    char host[RT_URL_HOST_MAX + 1];
    uint16_t port;
    /* For the header field Host: with the brackets and the port. */
    char authority[RT_URL_HOST_MAX + sizeof("[]:65535")];
};

/* Reads a URL as the public header describes it: 0, RINGTAIL_EURL, or
 * RINGTAIL_ETLS. */
RT_MUST_USE int rt_url_parse(const char *text, struct rt_url *url);

#endif
