#include "bench/load_protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/load_report.h"

const struct load_protocol *const load_protocols[] = {
    &load_ringtail,
    &load_nchan,
    &load_redis,
    &load_nats,
    &load_mqtt,
    &load_nats_websocket,
    &load_mqtt_websocket,
    &load_ringtail_batch,
    &load_ringtail_json,
    &load_ringtail_sse,
    &load_ringtail_memory,
    &load_ringtail_disk,
    &load_redis_stream,
    &load_nats_stream,
    NULL,
};

uint32_t load_protocol_find(const char *name)
{
    uint32_t i = 0;
    while (load_protocols[i] != NULL &&
           strcmp(load_protocols[i]->name, name) != 0) {
        i++;
    }
    return i;
}

void load_wrapping_add(struct load_wrapping *wrapping,
                       const void *bytes,
                       size_t len)
{
    if (len > sizeof(wrapping->head) - wrapping->head_len) {
        load_fail("a name is too long");
    }
    memcpy(wrapping->head + wrapping->head_len, bytes, len);
    wrapping->head_len += len;
}

void load_wrapping_print(struct load_wrapping *wrapping,
                         const char *format,
                         ...)
{
    char words[LOAD_HEAD_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    load_wrapping_add(wrapping, words, (size_t)len);
}

size_t load_line_len(const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    return end == NULL ? 0 : (size_t)(end - data) + 1;
}
