/* The description of the interface, docs/openapi.json, as it was when this was
 * built. */
#ifndef BROKER_NET_OPENAPI_H
#define BROKER_NET_OPENAPI_H

#include <stddef.h>

extern const char rt_openapi_bytes[];
extern const size_t rt_openapi_len;

#endif
