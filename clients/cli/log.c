#include "clients/cli/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <ringtail/log.h>

#include "clients/cli/exit_code.h"
#include "clients/cli/failure.h"
#include "clients/cli/output.h"

#define LINE_BYTES         512
#define OBSTACLE_MAX_BYTES 256 /* a name has 255 */

/* A command under way, and what it has told. */
struct telling {
    struct output output;
    bool is_repair;
    bool is_json;
    bool is_quiet;
    bool is_shown; /* there is a line of progress on the terminal */
    struct ringtail_log_summary summary;
};

/* --- progress --- */

static void wipe(struct telling *telling)
{
    if (telling->is_shown) {
        (void)fprintf(stderr, "\r\x1b[K");
    }
    telling->is_shown = false;
}

static void on_progress(void *context, uint64_t done, uint64_t all)
{
    struct telling *telling = context;
    if (telling->is_quiet || isatty(STDERR_FILENO) == 0) {
        return;
    }
    (void)fprintf(stderr, "\r\x1b[K%.0f of %.0f MB", (double)done / 1e6,
                  (double)all / 1e6);
    telling->is_shown = true;
}

/* --- lines --- */

__attribute__((format(printf, 2, 3))) static void
print(struct telling *telling, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    output_text(&telling->output, line);
}

static const char *word_of(enum ringtail_log_finding finding)
{
    switch (finding) {
    case RINGTAIL_LOG_TORN:
        return "torn";
    case RINGTAIL_LOG_DAMAGED:
        return "damaged";
    case RINGTAIL_LOG_MISSING:
        return "missing";
    default:
        return "sound";
    }
}

static void segment_json(struct telling *telling,
                         const struct ringtail_log_segment *segment)
{
    print(telling,
          "{\"segment\":%" PRIu64 ",\"finding\":\"%s\",\"count\":%" PRIu64
          ",\"bytes\":%" PRIu64 ",\"batches\":%" PRIu64 ",\"events\":%" PRIu64,
          segment->number, word_of(segment->finding), segment->count,
          segment->bytes, segment->batches, segment->events);
    print(telling,
          ",\"damages\":%" PRIu64 ",\"damage\":%" PRIu64
          ",\"torn_bytes\":%" PRIu64 "}\n",
          segment->damages, segment->damage, segment->torn_bytes);
}

/* What is as it should be is not told. */
static void segment_text(struct telling *telling,
                         const struct ringtail_log_segment *segment)
{
    if (segment->finding == RINGTAIL_LOG_SOUND) {
        return;
    }
    print(telling, "%020" PRIu64 ".rtl: ", segment->number);
    switch (segment->finding) {
    case RINGTAIL_LOG_DAMAGED:
        print(telling, "damaged at byte %" PRIu64 ", %" PRIu64 " in all\n",
              segment->damage, segment->damages);
        break;
    case RINGTAIL_LOG_MISSING:
        print(telling, "missing, %" PRIu64 " in all\n", segment->count);
        break;
    default:
        print(telling, "ends with %" PRIu64 " bytes that a crash left\n",
              segment->torn_bytes);
        break;
    }
}

static void on_segment(void *context,
                       const struct ringtail_log_segment *segment)
{
    struct telling *telling = context;
    wipe(telling);
    if (telling->is_json) {
        segment_json(telling, segment);
    } else {
        segment_text(telling, segment);
    }
}

static void topic_json(struct telling *telling,
                       const struct ringtail_log_topic *topic)
{
    output_text(&telling->output, "{\"topic\":");
    output_json(&telling->output, topic->name, strlen(topic->name));
    print(telling,
          ",\"number\":%" PRIu64 ",\"first_offset\":%" PRIu64
          ",\"next_offset\":%" PRIu64 ",\"events\":%" PRIu64
          ",\"lost\":%" PRIu64 ",\"damaged\":%s}\n",
          topic->number, topic->first_offset, topic->next_offset, topic->events,
          topic->lost, topic->is_damaged ? "true" : "false");
}

static void topic_text(struct telling *telling,
                       const struct ringtail_log_topic *topic)
{
    if (!topic->is_damaged) {
        return;
    }
    if (topic->name[0] == '\0') {
        print(telling, "topic %" PRIu64 ", whose name is lost", topic->number);
    } else {
        print(telling, "topic %s", topic->name);
    }
    print(telling, ": damaged, %" PRIu64 " events lost, %" PRIu64 " left\n",
          topic->lost, topic->events);
}

static void on_topic(void *context, const struct ringtail_log_topic *topic)
{
    struct telling *telling = context;
    if (telling->is_json) {
        topic_json(telling, topic);
    } else {
        topic_text(telling, topic);
    }
}

/* --- the end --- */

static void summary_json(struct telling *telling)
{
    const struct ringtail_log_summary *summary = &telling->summary;
    print(telling,
          "{\"sound\":%s,\"segments\":%" PRIu64 ",\"topics\":%" PRIu64
          ",\"batches\":%" PRIu64 ",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64,
          summary->is_sound ? "true" : "false", summary->segments,
          summary->topics, summary->batches, summary->events, summary->bytes);
    print(telling,
          ",\"torn_bytes\":%" PRIu64 ",\"damaged_segments\":%" PRIu64
          ",\"damaged_topics\":%" PRIu64 ",\"lost_events\":%" PRIu64
          ",\"repaired\":%s}\n",
          summary->torn_bytes, summary->damaged_segments,
          summary->damaged_topics, summary->lost_events,
          telling->is_repair && !summary->is_sound ? "true" : "false");
}

static void summary_text(struct telling *telling)
{
    const struct ringtail_log_summary *summary = &telling->summary;
    print(telling,
          "%" PRIu64 " segments, %" PRIu64 " topics, %" PRIu64
          " events, %" PRIu64 " bytes: ",
          summary->segments, summary->topics, summary->events, summary->bytes);
    if (summary->is_sound) {
        print(telling, "sound\n");
        return;
    }
    print(telling,
          "%" PRIu64 " segments and %" PRIu64 " topics damaged, %" PRIu64
          " events lost\n",
          summary->damaged_segments, summary->damaged_topics,
          summary->lost_events);
    if (telling->is_repair) {
        print(telling, "repaired; the old files are kept as *.damaged\n");
    }
}

static void on_summary(void *context,
                       const struct ringtail_log_summary *summary)
{
    struct telling *telling = context;
    telling->summary = *summary;
    if (telling->is_json) {
        summary_json(telling);
    } else {
        summary_text(telling);
    }
}

static const char *remedy_of(int error)
{
    switch (error) {
    case UV_ENOENT:
        return ": there is no log";
    case RINGTAIL_ELOCKED:
        return ": stop it first";
    case RINGTAIL_EREPAIR:
        return "; run `ringtail log repair`";
    case RINGTAIL_EDAMAGED:
        return ": no broker has left what is there; put back a copy of the log";
    case UV_ENOSPC:
        return ": what is written anew takes as much room as it has now";
    case UV_EEXIST:
        return ": files of an earlier repair, *.damaged, are in the way";
    default:
        return "";
    }
}

static int complain(const char *directory, int error)
{
    char name[OBSTACLE_MAX_BYTES];
    bool is_named = error == RINGTAIL_ENOFILE &&
                    ringtail_log_obstacle(directory, name, sizeof(name)) == 0;
    (void)fprintf(stderr, "ringtail: %s%s%s: %s%s\n", directory,
                  is_named ? "/" : "", is_named ? name : "",
                  ringtail_strerror(error), remedy_of(error));
    return CODE_FAILED;
}

/* What a repair has mended is damage no more, but for what is lost. */
static int code_of(const struct telling *telling)
{
    const struct ringtail_log_summary *summary = &telling->summary;
    bool is_bad =
        telling->is_repair ? summary->lost_events > 0 : !summary->is_sound;
    return is_bad ? CODE_DAMAGED : CODE_DONE;
}

static int work(struct telling *telling, const char *directory)
{
    struct ringtail_log_handlers handlers = {.size = sizeof(handlers),
                                             .context = telling,
                                             .on_progress = on_progress,
                                             .on_segment = on_segment,
                                             .on_topic = on_topic,
                                             .on_summary = on_summary};
    int err = telling->is_repair ? ringtail_log_repair(directory, &handlers)
                                 : ringtail_log_verify(directory, &handlers);
    wipe(telling);
    int written = output_flush(&telling->output);
    if (err < 0) {
        return complain(directory, err);
    }
    return written < 0 ? failure_no_output(written) : code_of(telling);
}

int log_run(const struct arguments *arguments)
{
    static struct telling telling;
    const char *verb = arguments->words[0];
    telling.is_repair = strcmp(verb, "repair") == 0;
    telling.is_json = argument_given(arguments, "json");
    telling.is_quiet = argument_given(arguments, "quiet");
    if (!telling.is_repair && strcmp(verb, "verify") != 0) {
        (void)argument_complain(arguments->command, verb, "verify or repair");
        return CODE_USAGE;
    }
    output_init(&telling.output, STDOUT_FILENO, -1);
    return work(&telling, arguments->words[1]);
}
