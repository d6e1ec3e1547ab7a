#include "clients/cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "clients/cli/output.h"

void report_init(struct report *report)
{
    *report = (struct report){.start_ns = uv_hrtime()};
    report->shown_ns = report->start_ns;
}

static void note_first(struct report *report, uint64_t number, const char *why)
{
    if (report->first[0] != '\0') {
        return;
    }
    if (number > 0) {
        (void)snprintf(report->first, sizeof(report->first),
                       "line %" PRIu64 ": %s", number, why);
    } else {
        (void)snprintf(report->first, sizeof(report->first), "%s", why);
    }
}

void report_refuse(struct report *report, uint64_t number, const char *why)
{
    report->refused++;
    note_first(report, number, why);
}

void report_count(struct report *report,
                  const struct ringtail_outcome *outcome,
                  uint64_t number,
                  uint64_t len)
{
    char why[FAILURE_BYTES];
    if (outcome->error == 0) {
        report->confirmed++;
        report->confirmed_bytes += len;
        return;
    }
    failure_format(outcome->error, outcome->status, outcome->detail, why);
    if (outcome->error == RINGTAIL_EUNKNOWN) {
        report->unknown++;
        note_first(report, number, why);
    } else {
        report_refuse(report, number, why);
    }
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(uv_hrtime() - start_ns) / 1e9;
}

void report_progress(struct report *report)
{
    double seconds = seconds_since(report->shown_ns);
    uint64_t events = report->confirmed - report->shown;
    uint64_t bytes = report->confirmed_bytes - report->shown_bytes;
    (void)fprintf(stderr,
                  "\r\x1b[K%" PRIu64 " events, %.0f events/s, %.1f MB/s",
                  report->confirmed, (double)events / seconds,
                  (double)bytes / 1e6 / seconds);
    report->shown = report->confirmed;
    report->shown_bytes = report->confirmed_bytes;
    report->shown_ns = uv_hrtime();
    report->is_shown = true;
}

void report_wipe(struct report *report)
{
    if (report->is_shown) {
        (void)fprintf(stderr, "\r\x1b[K");
    }
    report->is_shown = false;
}

void report_print(struct report *report)
{
    double seconds = seconds_since(report->start_ns);
    (void)fprintf(stderr,
                  "ringtail: %" PRIu64 " events confirmed, %" PRIu64
                  " bytes, in %.3f s: %.0f events/s, %.1f MB/s; %" PRIu64
                  " refused, %" PRIu64 " unknown, %" PRIu64 " not sent\n",
                  report->confirmed, report->confirmed_bytes, seconds,
                  (double)report->confirmed / seconds,
                  (double)report->confirmed_bytes / 1e6 / seconds,
                  report->refused, report->unknown, report->unsent);
}

int report_print_json(const struct report *report)
{
    static struct output output;
    char text[256];
    double seconds = seconds_since(report->start_ns);
    (void)snprintf(
        text, sizeof(text),
        "{\"confirmed\":%" PRIu64 ",\"refused\":%" PRIu64
        ",\"unknown\":%" PRIu64 ",\"unsent\":%" PRIu64 ",\"bytes\":%" PRIu64
        ",\"seconds\":%.6f,\"events_per_second\":%.0f",
        report->confirmed, report->refused, report->unknown, report->unsent,
        report->confirmed_bytes, seconds, (double)report->confirmed / seconds);
    output_init(&output, STDOUT_FILENO, -1);
    output_text(&output, text);
    if (report->first[0] != '\0') {
        output_text(&output, ",\"error\":");
        output_json(&output, report->first, strlen(report->first));
    }
    output_text(&output, "}\n");
    return output_flush(&output);
}
