#include "clients/cli/pub.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <ringtail/client.h>

#include "clients/cli/exit_code.h"
#include "clients/cli/failure.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/lines.h"
#include "clients/cli/output.h"
#include "clients/cli/payload.h"
#include "clients/cli/report.h"
#include "clients/cli/standard.h"

#define IN_FLIGHT    RINGTAIL_CLIENT_IN_FLIGHT
#define HEAD_BYTES   ((uint64_t)16 * 1024) /* more than a request's head */
#define ALONE_BYTES  262144 /* a larger event is in flight alone */
#define PROGRESS_MS  1000
#define RECONNECT_MS 10000 /* it gives up after so long without a broker */
#define DRAIN_MS     2000  /* for answers to come after a signal */

/* What is known of an event that waits for its outcome. */
struct sent {
    uint64_t number; /* of its line; 0: there is only one event */
    uint64_t len;
};

struct pub {
    const char *url;
    const char *topic;
    const char *content_type;
    bool is_json;
    bool is_quiet;
    bool is_lines;

    uv_loop_t loop;
    uv_timer_t progress;
    uv_timer_t patience; /* until it gives up */
    struct interrupt interrupt;
    struct standard_input input;
    struct ringtail_client *client;

    struct payload payload; /* of the only event */
    struct lines lines;
    const char *line; /* cut off, but there was no room for it */
    size_t line_len;
    struct sent sent[IN_FLIGHT]; /* a ring: outcomes come in order */
    size_t sent_next;
    struct report report;
    struct ringtail_cursor cursor; /* of the last event that is confirmed */

    bool was_open;
    bool is_lost;
    bool is_alone; /* nothing may follow what is in flight */
    bool is_full;  /* lines wait for room, or for an event that is alone */
    bool has_all;  /* nothing more is to be published */
    bool was_interrupted;
    bool is_ending;
    int code; /* of what ended it early, or 0 */
};

static void on_stopped(void *context)
{
    struct pub *pub = context;
    ringtail_client_destroy(pub->client);
}

static struct ringtail_session *session_of(const struct pub *pub)
{
    return ringtail_client_session(pub->client);
}

/* Events without an outcome; a client that was stopped has none. */
static uint64_t pending_of(const struct pub *pub)
{
    return pub->is_ending ? 0 : ringtail_session_pending(session_of(pub));
}

static void end(struct pub *pub, int code)
{
    if (pub->is_ending) {
        return;
    }
    pub->report.unsent = pending_of(pub);
    pub->is_ending = true;
    pub->code = code;
    uv_close((uv_handle_t *)&pub->progress, NULL);
    uv_close((uv_handle_t *)&pub->patience, NULL);
    interrupt_stop(&pub->interrupt);
    standard_input_finish(&pub->input);
    ringtail_client_stop(pub->client, on_stopped, pub);
}

static void end_if_done(struct pub *pub)
{
    if (pub->has_all && pending_of(pub) == 0) {
        end(pub, CODE_DONE);
    }
}

/* --- a broker that is away --- */

static void on_patience_lost(uv_timer_t *timer)
{
    struct pub *pub = timer->data;
    report_wipe(&pub->report);
    (void)fprintf(stderr, "ringtail: giving up: no answer from %s\n", pub->url);
    end(pub, CODE_UNAVAILABLE);
}

static void be_patient(struct pub *pub, uint64_t wait_ms)
{
    if (!pub->is_ending && !uv_is_active((uv_handle_t *)&pub->patience)) {
        (void)uv_timer_start(&pub->patience, on_patience_lost, wait_ms, 0);
    }
}

static void on_open(void *context)
{
    struct pub *pub = context;
    if (!pub->was_interrupted) {
        (void)uv_timer_stop(&pub->patience);
    }
    pub->was_open = true;
    pub->is_lost = false;
}

static void tell_lost(struct pub *pub, const struct ringtail_failure *failure)
{
    char text[FAILURE_BYTES];
    failure_format(failure->error, failure->status, failure->detail, text);
    if (!pub->is_quiet) {
        report_wipe(&pub->report);
        (void)fprintf(stderr,
                      "ringtail: lost the connection: %s; connecting again\n",
                      text);
    }
}

/* A connection that nobody waits for may go without a word. */
static void on_lost(void *context, const struct ringtail_failure *failure)
{
    struct pub *pub = context;
    bool is_needed = pending_of(pub) > 0;
    if (!pub->was_open) {
        end(pub, failure_no_connection(pub->url, failure));
        return;
    }
    if (is_needed && !pub->is_lost) {
        tell_lost(pub, failure);
    }
    if (is_needed) {
        be_patient(pub, RECONNECT_MS);
    }
    pub->is_lost = true;
}

static void on_closed(void *context, const struct ringtail_failure *failure)
{
    struct pub *pub = context;
    end(pub, failure_no_connection(pub->url, failure));
}

/* --- events --- */

static void refuse(struct pub *pub, uint64_t number, int error)
{
    report_refuse(&pub->report, number, ringtail_strerror(error));
}

/* What will not do for any event. */
static void reject(struct pub *pub, const char *word, int error)
{
    (void)fprintf(stderr, "ringtail: %s: %s\n", word, ringtail_strerror(error));
    end(pub, CODE_USAGE);
}

static void refuse_event(struct pub *pub, uint64_t number, int error)
{
    if (error == RINGTAIL_ETOPIC) {
        reject(pub, pub->topic, error);
    } else if (error == RINGTAIL_ETYPE) {
        reject(pub, pub->content_type, error);
    } else {
        refuse(pub, number, error);
    }
}

/* Whether an event must wait for those in flight. One that may be beyond the
 * broker's limit is alone: to refuse it the broker closes the connection, and
 * what is in flight behind it would be lost, or who knows. */
static bool must_wait(const struct pub *pub, size_t len)
{
    return (pub->is_alone || len > ALONE_BYTES) && pending_of(pub) > 0;
}

/* Publishes an event: false if there is no room for it. */
static bool
publish(struct pub *pub, const char *payload, size_t len, uint64_t number)
{
    struct sent *sent = &pub->sent[pub->sent_next];
    struct ringtail_new_event event = {
        .topic = pub->topic,
        .content_type = pub->content_type,
        .payload = payload,
        .len = len,
        .tag = sent,
    };
    if (must_wait(pub, len)) {
        return false;
    }
    int err = ringtail_session_publish(session_of(pub), &event);
    if (err == RINGTAIL_EFULL) {
        return false;
    }
    if (err < 0) {
        refuse_event(pub, number, err);
        return true;
    }
    *sent = (struct sent){number, len};
    pub->sent_next = (pub->sent_next + 1) % IN_FLIGHT;
    pub->is_alone = len > ALONE_BYTES;
    return true;
}

/* Publishes the lines that have been read, as long as there is room: false if
 * there is none. */
static bool publish_lines(struct pub *pub)
{
    struct lines *lines = &pub->lines;
    enum lines_next next = LINES_LINE;
    if (pub->line != NULL &&
        !publish(pub, pub->line, pub->line_len, lines->number)) {
        return false;
    }
    pub->line = NULL;
    while (!pub->is_ending &&
           (next = lines_next(lines, &pub->line, &pub->line_len)) !=
               LINES_NONE) {
        if (next == LINES_TOO_LONG) {
            refuse(pub, lines->number, RINGTAIL_ETOOLARGE);
        } else if (!publish(pub, pub->line, pub->line_len, lines->number)) {
            return false;
        }
    }
    pub->line = NULL;
    return true;
}

static void finish_input(struct pub *pub)
{
    if (pub->is_ending) {
        return;
    }
    standard_input_pause(&pub->input);
    pub->has_all = true;
    end_if_done(pub);
}

/* Publishes what was read, then reads more. */
static void go_on(struct pub *pub)
{
    pub->is_full = !publish_lines(pub);
    if (pub->is_full || pub->is_ending) {
        return;
    }
    if (pub->lines.has_ended) {
        finish_input(pub);
    } else {
        standard_input_resume(&pub->input);
    }
}

static void on_room(void *context)
{
    struct pub *pub = context;
    if (pub->is_full && !pub->has_all) {
        go_on(pub);
    }
}

static void on_outcome(void *context, const struct ringtail_outcome *outcome)
{
    struct pub *pub = context;
    const struct sent *sent = outcome->tag;
    report_count(&pub->report, outcome, sent->number, sent->len);
    if (outcome->error == 0) {
        pub->cursor = outcome->cursor;
    }
    if (pending_of(pub) == 0) {
        on_room(pub);
    }
    end_if_done(pub);
}

static void on_input(void *context)
{
    struct pub *pub = context;
    int count = lines_read(&pub->lines, STDIN_FILENO);
    if (count == UV_EAGAIN || count == UV_EINTR) {
        return;
    }
    if (count < 0) {
        (void)fprintf(stderr, "ringtail: cannot read: %s\n",
                      ringtail_strerror(count));
        end(pub, CODE_FAILED);
        return;
    }
    standard_input_pause(&pub->input);
    go_on(pub);
    if (pub->is_lost && pending_of(pub) > 0) {
        be_patient(pub, RECONNECT_MS);
    }
}

/* The first signal ends the input; the second one does not wait for answers. */
static void on_interrupt(void *context)
{
    struct pub *pub = context;
    if (pub->was_interrupted) {
        end(pub, CODE_INTERRUPTED);
        return;
    }
    pub->was_interrupted = true;
    (void)uv_timer_stop(&pub->patience);
    be_patient(pub, DRAIN_MS);
    finish_input(pub);
}

static void on_progress(uv_timer_t *timer)
{
    struct pub *pub = timer->data;
    report_progress(&pub->report);
}

/* --- the beginning and the end --- */

static int start_client(struct pub *pub)
{
    struct ringtail_session_options options;
    uint64_t largest = pub->is_lines ? LINE_BYTES_MAX : pub->payload.len;
    ringtail_session_options_init(&options, RINGTAIL_SESSION_PUBLISHER);
    options.url = pub->url;
    options.in_flight_events = IN_FLIGHT;
    options.in_flight_bytes = largest + HEAD_BYTES;
    options.handlers = (struct ringtail_session_handlers){
        .on_open = on_open,
        .on_lost = on_lost,
        .on_closed = on_closed,
        .on_outcome = on_outcome,
        .on_room = on_room,
    };
    options.context = pub;
    return ringtail_client_create(&options, &pub->loop, &pub->client);
}

static void start_handles(struct pub *pub)
{
    (void)uv_timer_init(&pub->loop, &pub->progress);
    (void)uv_timer_init(&pub->loop, &pub->patience);
    pub->progress.data = pub;
    pub->patience.data = pub;
    standard_input_init(&pub->input, &pub->loop, on_input, pub);
    report_init(&pub->report);
    if (pub->is_lines && !pub->is_quiet && isatty(STDERR_FILENO) == 1) {
        (void)uv_timer_start(&pub->progress, on_progress, PROGRESS_MS,
                             PROGRESS_MS);
    }
}

static void start_events(struct pub *pub)
{
    if (pub->is_lines) {
        standard_input_resume(&pub->input);
        return;
    }
    (void)publish(pub, pub->payload.data, pub->payload.len, 0);
    finish_input(pub);
}

static int run(struct pub *pub)
{
    int err = interrupt_start(&pub->interrupt, &pub->loop, on_interrupt, pub);
    if (err < 0) {
        return failure_no_client(pub->url, pub->topic, err);
    }
    err = start_client(pub);
    if (err < 0) {
        interrupt_stop(&pub->interrupt);
        (void)uv_run(&pub->loop, UV_RUN_DEFAULT);
        return failure_no_client(pub->url, pub->topic, err);
    }
    start_handles(pub);
    start_events(pub);
    (void)uv_run(&pub->loop, UV_RUN_DEFAULT);
    return pub->code;
}

static void print_receipt(const struct pub *pub)
{
    char cursor[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(pub->cursor, cursor);
    if (pub->is_json) {
        (void)printf("{\"topic\":\"%s\",\"cursor\":\"%s\"}\n", pub->topic,
                     cursor);
    } else {
        (void)printf("%s\n", cursor);
    }
}

static int code_of(const struct pub *pub, int code)
{
    const struct report *report = &pub->report;
    if (code != CODE_DONE || pub->was_interrupted) {
        return pub->was_interrupted ? CODE_INTERRUPTED : code;
    }
    return report->unknown > 0   ? CODE_LOSS
           : report->refused > 0 ? CODE_REFUSED
                                 : CODE_DONE;
}

/* Prints what became of the events, and returns the exit code. */
static int print_results(struct pub *pub, int code)
{
    int err = 0;
    report_wipe(&pub->report);
    if (pub->report.first[0] != '\0') {
        (void)fprintf(stderr, "ringtail: %s\n", pub->report.first);
    }
    if (!pub->is_lines && pub->report.confirmed > 0) {
        print_receipt(pub);
    } else if (pub->is_json) {
        err = report_print_json(&pub->report);
    }
    if (pub->is_lines && !pub->is_quiet) {
        report_print(&pub->report);
    }
    code = code_of(pub, code);
    return err < 0 && code == CODE_DONE ? failure_no_output(err) : code;
}

/* Reads the arguments that say what to publish: 0 or an exit code. */
static int take_source(struct pub *pub, const struct arguments *arguments)
{
    const char *text = arguments->words[1];
    const char *file = argument_text(arguments, "file");
    bool wants_lines = argument_given(arguments, "lines");
    if ((text != NULL) + (file != NULL) + wants_lines > 1) {
        (void)argument_complain(arguments->command, "pub",
                                "one of TEXT, --file and --lines");
        return CODE_USAGE;
    }
    if (text != NULL && strcmp(text, "-") == 0) {
        file = text;
    } else if (text != NULL && text[0] == '@') {
        file = text + 1;
    }
    pub->is_lines = text == NULL && file == NULL;
    int err = file != NULL   ? payload_of_file(&pub->payload, file)
              : text != NULL ? payload_of_text(&pub->payload, text)
                             : 0;
    if (err < 0) {
        (void)fprintf(stderr, "ringtail: cannot read %s: %s\n",
                      file != NULL ? file : text, ringtail_strerror(err));
        return CODE_FAILED;
    }
    return CODE_DONE;
}

int pub_run(const struct arguments *arguments)
{
    static struct pub pub; /* large, and there is one */
    pub.url = argument_url(arguments);
    pub.topic = arguments->words[0];
    pub.content_type = argument_text(arguments, "content-type");
    pub.is_json = argument_given(arguments, "json");
    pub.is_quiet = argument_given(arguments, "quiet");
    int code = take_source(&pub, arguments);
    if (code != CODE_DONE) {
        return code;
    }
    int err = uv_loop_init(&pub.loop);
    code = err < 0 ? failure_no_client(pub.url, pub.topic, err) : run(&pub);
    if (pub.is_ending) {
        code = print_results(&pub, code);
    }
    (void)uv_loop_close(&pub.loop);
    payload_finish(&pub.payload);
    lines_finish(&pub.lines);
    return code;
}
