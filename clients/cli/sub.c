#include "clients/cli/sub.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <ringtail/client.h>

#include "clients/cli/exit_code.h"
#include "clients/cli/failure.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/output.h"
#include "clients/cli/standard.h"

#define EVENT_BYTES ((uint64_t)1 << 30) /* no broker takes larger ones */

struct sub {
    const char *url;
    const char *topic;
    uint64_t events_left; /* until it ends; 0: no such number */
    bool is_json;
    bool is_quiet;

    uv_loop_t loop;
    uv_check_t check; /* the end of a turn, when output is written */
    uv_poll_t reader; /* of standard output: whether it is still there */
    bool has_reader;
    struct interrupt interrupt;
    struct ringtail_client *client;
    struct output output;

    struct ringtail_cursor cursor; /* of the last event, if has_cursor */
    bool has_cursor;
    bool was_open;
    bool is_lost;
    bool has_gap;
    bool is_ending;
    int code;
};

static void close_if(void *handle, bool is_there)
{
    if (is_there) {
        uv_close(handle, NULL);
    }
}

static void on_stopped(void *context)
{
    struct sub *sub = context;
    ringtail_client_destroy(sub->client);
}

static void end(struct sub *sub, int code)
{
    if (sub->is_ending) {
        return;
    }
    sub->is_ending = true;
    sub->code = code;
    close_if(&sub->check, true);
    close_if(&sub->reader, sub->has_reader);
    interrupt_stop(&sub->interrupt);
    ringtail_client_stop(sub->client, on_stopped, sub);
}

/* The end that was wanted; but no silence about what was missed. */
static void end_well(struct sub *sub)
{
    end(sub, sub->has_gap ? CODE_LOSS : CODE_DONE);
}

/* Nobody reads, or nobody wants it to wait any longer: that is a wanted end. */
static void flush(struct sub *sub)
{
    int err = output_flush(&sub->output);
    if (err == UV_EPIPE || err == UV_EINTR) {
        end_well(sub);
    } else if (err < 0) {
        end(sub, failure_no_output(err));
    }
}

__attribute__((format(printf, 2, 3))) static void
tell(const struct sub *sub, const char *format, ...)
{
    va_list arguments;
    if (sub->is_quiet) {
        return;
    }
    (void)fprintf(stderr, "ringtail: ");
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\n");
}

/* --- what the client tells --- */

static void on_open(void *context)
{
    struct sub *sub = context;
    char text[RINGTAIL_CURSOR_BYTES];
    if (!sub->has_cursor) {
        sub->has_cursor = ringtail_session_cursor(
            ringtail_client_session(sub->client), &sub->cursor);
    }
    ringtail_cursor_format(sub->cursor, text);
    if (sub->is_lost) {
        tell(sub, "connected again, going on after %s", text);
    }
    sub->was_open = true;
    sub->is_lost = false;
}

static void on_lost(void *context, const struct ringtail_failure *failure)
{
    struct sub *sub = context;
    char text[FAILURE_BYTES];
    if (!sub->was_open) {
        end(sub, failure_no_connection(sub->url, failure));
        return;
    }
    if (!sub->is_lost) {
        failure_format(failure->error, failure->status, failure->detail, text);
        tell(sub, "lost the connection: %s; connecting again", text);
    }
    sub->is_lost = true;
}

static void on_closed(void *context, const struct ringtail_failure *failure)
{
    struct sub *sub = context;
    char text[FAILURE_BYTES];
    failure_format(failure->error, failure->status, failure->detail, text);
    (void)fprintf(stderr, "ringtail: %s\n", text);
    bool is_refused =
        failure->error == RINGTAIL_EREFUSED || failure->error == RINGTAIL_ELEFT;
    flush(sub);
    end(sub, is_refused ? CODE_REFUSED : CODE_FAILED);
}

static void print_raw(struct sub *sub,
                      const struct ringtail_client_event *event)
{
    output_bytes(&sub->output, event->payload, event->len);
    output_bytes(&sub->output, "\n", 1);
}

static void print_head(struct sub *sub, const char *op)
{
    output_text(&sub->output, "{\"op\":\"");
    output_text(&sub->output, op);
    output_text(&sub->output, "\",\"topic\":");
    output_json(&sub->output, sub->topic, strlen(sub->topic));
}

static void
print_cursor(struct sub *sub, const char *name, struct ringtail_cursor cursor)
{
    char text[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(cursor, text);
    output_text(&sub->output, ",\"");
    output_text(&sub->output, name);
    output_text(&sub->output, "\":\"");
    output_text(&sub->output, text);
    output_text(&sub->output, "\"");
}

static void print_json(struct sub *sub,
                       const struct ringtail_client_event *event)
{
    print_head(sub, "event");
    print_cursor(sub, "cursor", event->cursor);
    if (event->is_text) {
        output_text(&sub->output, ",\"data\":");
        output_json(&sub->output, event->payload, event->len);
    } else {
        output_text(&sub->output, ",\"data_base64\":");
        output_base64(&sub->output, event->payload, event->len);
    }
    output_text(&sub->output, "}\n");
}

static void on_event(void *context, const struct ringtail_client_event *event)
{
    struct sub *sub = context;
    sub->cursor = event->cursor;
    if (sub->is_json) {
        print_json(sub, event);
    } else {
        print_raw(sub, event);
    }
    if (sub->output.error < 0) {
        flush(sub);
    } else if (sub->events_left > 0 && --sub->events_left == 0) {
        flush(sub);
        end_well(sub);
    }
}

static bool is_same(struct ringtail_cursor a, struct ringtail_cursor b)
{
    return a.epoch == b.epoch && a.offset == b.offset;
}

/* A gap at the start is after a cursor only if one was given. */
static void print_gap(struct sub *sub, const struct ringtail_gap *gap)
{
    char missed[sizeof(",\"missed\":18446744073709551615")] = "";
    bool is_after = sub->has_cursor && !is_same(sub->cursor, gap->cursor);
    print_head(sub, "gap");
    if (is_after) {
        print_cursor(sub, "after", sub->cursor);
    }
    print_cursor(sub, "next", gap->cursor);
    if (gap->has_missed) {
        (void)snprintf(missed, sizeof(missed), ",\"missed\":%" PRIu64,
                       gap->missed);
    }
    output_text(&sub->output, missed);
    output_text(&sub->output, ",\"reason\":");
    output_json(&sub->output, gap->reason, strlen(gap->reason));
    output_text(&sub->output, "}\n");
}

static void on_gap(void *context, const struct ringtail_gap *gap)
{
    struct sub *sub = context;
    char next[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(gap->cursor, next);
    sub->has_gap = true;
    if (gap->has_missed) {
        tell(sub, "gap (%s): %" PRIu64 " events are lost, going on after %s",
             gap->reason, gap->missed, next);
    } else {
        tell(sub,
             "gap (%s): an unknown number of events is lost, going on "
             "after %s",
             gap->reason, next);
    }
    if (sub->is_json) {
        print_gap(sub, gap);
    }
    sub->cursor = gap->cursor;
}

/* --- what else happens --- */

static void on_interrupt(void *context)
{
    struct sub *sub = context;
    flush(sub);
    end_well(sub);
}

static void on_turn(uv_check_t *check)
{
    flush(check->data);
}

/* Whoever read the output is gone, as `head` is when it has enough. */
static void on_reader_gone(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    end_well(poll->data);
}

static void start_handles(struct sub *sub)
{
    sub->check.data = sub;
    sub->reader.data = sub;
    (void)uv_check_init(&sub->loop, &sub->check);
    (void)uv_check_start(&sub->check, on_turn);
    sub->has_reader =
        standard_poll_init(&sub->loop, &sub->reader, STDOUT_FILENO) == 0;
    if (sub->has_reader) {
        (void)uv_poll_start(&sub->reader, UV_DISCONNECT, on_reader_gone);
    }
}

/* Where it begins, if that was given as a cursor. */
static void take_cursor(struct sub *sub, const char *since)
{
    char *dash = NULL;
    char *end = NULL;
    unsigned long epoch = strtoul(since, &dash, 16);
    if (dash != since + 8 || *dash != '-') {
        return;
    }
    sub->cursor.epoch = (uint32_t)epoch;
    sub->cursor.offset = strtoull(dash + 1, &end, 10);
    sub->has_cursor = *end == '\0';
}

static int start_client(struct sub *sub, const char *since)
{
    take_cursor(sub, since);
    struct ringtail_session_options options;
    ringtail_session_options_init(&options, RINGTAIL_SESSION_SUBSCRIBER);
    options.url = sub->url;
    options.topic = sub->topic;
    options.since = since;
    options.event_bytes = EVENT_BYTES;
    options.handlers = (struct ringtail_session_handlers){
        .on_open = on_open,
        .on_lost = on_lost,
        .on_closed = on_closed,
        .on_event = on_event,
        .on_gap = on_gap,
    };
    options.context = sub;
    return ringtail_client_create(&options, &sub->loop, &sub->client);
}

static int run(struct sub *sub, const char *since)
{
    int err = interrupt_start(&sub->interrupt, &sub->loop, on_interrupt, sub);
    if (err < 0) {
        return failure_no_client(sub->url, sub->topic, err);
    }
    output_init(&sub->output, STDOUT_FILENO, sub->interrupt.fd);
    err = start_client(sub, since);
    if (err < 0) {
        const char *place = err == RINGTAIL_EVALUE ? since : sub->url;
        sub->code = failure_no_client(place, sub->topic, err);
        interrupt_stop(&sub->interrupt);
    } else {
        start_handles(sub);
    }
    (void)uv_run(&sub->loop, UV_RUN_DEFAULT);
    return sub->code;
}

int sub_run(const struct arguments *arguments)
{
    static struct sub sub; /* large, and there is one */
    sub.url = argument_url(arguments);
    sub.topic = arguments->words[0];
    sub.events_left = argument_count(arguments, "exit-after");
    sub.is_quiet = argument_given(arguments, "quiet");
    sub.is_json = argument_given(arguments, "json") ||
                  strcmp(argument_text(arguments, "format"), "json") == 0;
    int err = uv_loop_init(&sub.loop);
    if (err < 0) {
        return failure_no_client(sub.url, sub.topic, err);
    }
    int code = run(&sub, argument_text(arguments, "since"));
    (void)uv_loop_close(&sub.loop);
    return code;
}
