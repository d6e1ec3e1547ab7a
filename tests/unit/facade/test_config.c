#include <stddef.h>
#include <string.h>
#include <uv.h>

#include "ringtail/ringtail.h"
#include "tests/support/test.h"

#define DRAIN_MS   1000
#define OPTIONS_AT offsetof(struct ringtail_config, ring_bytes)

/* --- options and their texts --- */

TEST("the defaults are what the header says")
{
    struct ringtail_config config;
    memset(&config, 0xee, sizeof(config));
    ringtail_config_init(&config);
    EXPECT_INT(config.size, sizeof(config));
    EXPECT_INT(config.ring_bytes, 1024 * 1024);
    EXPECT(config.ring_events == RINGTAIL_UNLIMITED);
    EXPECT_INT(config.max_age, 60 * 60 * 1000);
    EXPECT_INT(config.event_bytes, 256 * 1024);
    EXPECT_INT(config.memory, 1024 * 1024 * 1024);
    EXPECT(config.connections == RINGTAIL_UNLIMITED);
    EXPECT_INT(config.stall_timeout, 30 * 1000);
    EXPECT_INT(config.heartbeat, 25 * 1000);
    EXPECT_INT(config.pong_timeout, 10 * 1000);
    EXPECT_INT(config.head_timeout, 10 * 1000);
    EXPECT_INT(config.body_timeout, 30 * 1000);
    EXPECT_INT(config.idle_timeout, 60 * 1000);
    EXPECT_INT(config.insecure, 0);
    EXPECT_INT(config.idempotency_time, 5 * 60 * 1000);
    EXPECT_INT(config.idempotency_keys, 10000);
    EXPECT_INT(config.idempotency_bytes, 8 * 1024 * 1024);
    EXPECT_INT(config.batch_bytes, 4 * 1024 * 1024);
    EXPECT(config.data == NULL);
    EXPECT_INT(config.data_bytes, UINT64_C(10) << 30);
    EXPECT(config.data_events == RINGTAIL_UNLIMITED);
    EXPECT(config.data_age == RINGTAIL_UNLIMITED);
    EXPECT_INT(config.data_reserve, 256 * 1024 * 1024);
    EXPECT_INT(config.ack, RINGTAIL_ACK_AUTO);
    EXPECT_INT(config.mailbox_bytes, RINGTAIL_MAILBOX_BYTES);
    EXPECT(config.resize == NULL && config.log == NULL);
}

TEST("every option is listed once, with a default that parses and a help")
{
    struct ringtail_config config;
    struct ringtail_config again;
    const struct ringtail_option *option;
    size_t count = 0;
    ringtail_config_init(&config);
    memset(&again, 0xee, sizeof(again));
    memcpy(&again, &config, OPTIONS_AT);
    for (; (option = ringtail_option_at(count)) != NULL; count++) {
        EXPECT(ringtail_option_find(option->name) == option);
        EXPECT(option->help[0] != '\0');
        EXPECT_INT(ringtail_config_set(&again, option->name, option->value), 0);
    }
    EXPECT(memcmp(&config, &again, sizeof(config)) == 0);
    EXPECT_INT(sizeof(config), OPTIONS_AT + count * sizeof(uint64_t));
    EXPECT(ringtail_option_at(SIZE_MAX) == NULL);
}

TEST("an option is found by its name, with either hyphens or underscores")
{
    const struct ringtail_option *option = ringtail_option_find("ring_bytes");
    EXPECT(option != NULL);
    EXPECT_INT(option->kind, RINGTAIL_OPTION_SIZE);
    EXPECT_TEXT(rt_bytes_of(option->name), "ring_bytes");
    EXPECT(ringtail_option_find("ring-bytes") == option);
    EXPECT(ringtail_option_find("memory") != NULL);
    EXPECT_INT(ringtail_option_find("max-age")->kind, RINGTAIL_OPTION_DURATION);
    EXPECT_INT(ringtail_option_find("connections")->kind,
               RINGTAIL_OPTION_COUNT);
    EXPECT_INT(ringtail_option_find("insecure")->kind, RINGTAIL_OPTION_FLAG);
    EXPECT_INT(ringtail_option_find("data")->kind, RINGTAIL_OPTION_TEXT);
}

TEST("no other name is found")
{
    static const char *const names[] = {
        "",           "-",           "_",           "ring",  "ring_",
        "ring_bytez", "ring_bytes_", "RING_BYTES",  "size",  "--ring-bytes",
        "ring bytes", "ringbytes",   "ring__bytes", "memor", "memoryx",
        "-memory",    "ring_bytes=1"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(names); i++) {
        struct ringtail_config config = {.size = sizeof(config)};
        EXPECT(ringtail_option_find(names[i]) == NULL);
        EXPECT_INT(ringtail_config_set(&config, names[i], "1"), RINGTAIL_ENAME);
    }
}

static uint64_t value_of(const struct ringtail_config *config, size_t index)
{
    uint64_t value;
    memcpy(&value, (const char *)config + OPTIONS_AT + index * 8, 8);
    return value;
}

TEST("setting an option sets its member and no other")
{
    for (size_t i = 0; ringtail_option_at(i) != NULL; i++) {
        const struct ringtail_option *option = ringtail_option_at(i);
        struct ringtail_config config = {.size = sizeof(config)};
        const char *text = option->kind == RINGTAIL_OPTION_DURATION ? "1ms"
                           : option->kind == RINGTAIL_OPTION_ACK    ? "memory"
                                                                    : "1";
        EXPECT_INT(ringtail_config_set(&config, option->name, text), 0);
        EXPECT_INT(config.size, sizeof(config));
        for (size_t j = 0; ringtail_option_at(j) != NULL; j++) {
            EXPECT(i == j ? value_of(&config, j) > 0
                          : value_of(&config, j) == 0);
        }
    }
}

TEST("a text is what was given, and an empty one is none")
{
    static const char text[] = "/var/lib/ringtail";
    struct ringtail_config config;
    ringtail_config_init(&config);
    EXPECT_INT(ringtail_config_set(&config, "data", text), 0);
    EXPECT(config.data == text);
    EXPECT_INT(ringtail_config_set(&config, "data", ""), 0);
    EXPECT(config.data == NULL);
}

static bool is_limit(const struct ringtail_option *option)
{
    return option->kind == RINGTAIL_OPTION_SIZE ||
           option->kind == RINGTAIL_OPTION_DURATION ||
           option->kind == RINGTAIL_OPTION_COUNT;
}

static void expect_set(const char *name, const char *text, uint64_t expected)
{
    struct ringtail_config config = {.size = sizeof(config)};
    struct ringtail_config wanted = config;
    size_t index = (size_t)(ringtail_option_find(name) - ringtail_option_at(0));
    memcpy((char *)&wanted + OPTIONS_AT + index * 8, &expected, 8);
    EXPECT_INT(ringtail_config_set(&config, name, text), 0);
    EXPECT(memcmp(&config, &wanted, sizeof(config)) == 0);
}

static void refuse(const char *name, const char *text)
{
    struct ringtail_config config;
    struct ringtail_config before;
    ringtail_config_init(&config);
    before = config;
    if (ringtail_config_set(&config, name, text) != RINGTAIL_EVALUE) {
        test_fail(__FILE__, __LINE__, "accepted: %s %s", name, text);
    }
    EXPECT(memcmp(&config, &before, sizeof(config)) == 0);
}

TEST("a size is bytes, or has a binary unit")
{
    expect_set("ring_bytes", "4096", 4096);
    expect_set("ring-bytes", "64KiB", 64 * 1024);
    expect_set("memory", "2GiB", UINT64_C(2) << 30);
    refuse("ring_bytes", "64KB");
    refuse("ring_bytes", "1h");
    refuse("ring_bytes", "17179869184GiB");
}

TEST("a duration has a unit")
{
    expect_set("max_age", "250ms", 250);
    expect_set("stall-timeout", "7d", 7 * 24 * 60 * 60 * 1000);
    refuse("max_age", "250");
    refuse("max_age", "1KiB");
    refuse("max_age", "36526d");
}

TEST("a count is a number alone")
{
    expect_set("ring_events", "1", 1);
    expect_set("connections", "10000", 10000);
    refuse("connections", "1s");
    refuse("connections", "1KiB");
    refuse("connections", "18446744073709551616");
}

TEST("a flag is 0 or 1")
{
    expect_set("insecure", "0", 0);
    expect_set("insecure", "1", 1);
    refuse("insecure", "2");
    refuse("insecure", "yes");
    refuse("insecure", "true");
    refuse("insecure", "");
    refuse("insecure", "unlimited");
    refuse("insecure", " 1");
    refuse("insecure", "-1");
}

TEST("an acknowledgement is auto, memory or disk")
{
    expect_set("ack", "auto", RINGTAIL_ACK_AUTO);
    expect_set("ack", "memory", RINGTAIL_ACK_MEMORY);
    expect_set("ack", "disk", RINGTAIL_ACK_DISK);
    refuse("ack", "quorum");
    refuse("ack", "Disk");
    refuse("ack", "1");
    refuse("ack", "");
}

TEST("a limit is never 0, nor nothing; it may be unlimited")
{
    for (size_t i = 0; ringtail_option_at(i) != NULL; i++) {
        const struct ringtail_option *option = ringtail_option_at(i);
        if (!is_limit(option)) {
            continue;
        }
        refuse(option->name, "");
        refuse(option->name, "-1");
        refuse(option->name, "+1");
        refuse(option->name, " 1");
        refuse(option->name, "1 ");
        refuse(option->name, "Unlimited");
        refuse(option->name, "unlimited ");
        refuse(option->name, "0");
        refuse(option->name, "0ms");
        refuse(option->name, "0KiB");
        expect_set(option->name, "unlimited", RINGTAIL_UNLIMITED);
    }
}

TEST("a config of an older header is not written beyond its end")
{
    struct ringtail_config config;
    size_t older = offsetof(struct ringtail_config, insecure);
    memset(&config, 0xee, sizeof(config));
    ringtail_config_init_sized(&config, older);
    EXPECT_INT(config.size, older);
    EXPECT_INT(config.ring_bytes, 1024 * 1024);
    EXPECT(config.insecure == UINT64_C(0xeeeeeeeeeeeeeeee));
    EXPECT_INT(ringtail_config_set(&config, "insecure", "1"), RINGTAIL_ENAME);
    EXPECT(config.insecure == UINT64_C(0xeeeeeeeeeeeeeeee));
    EXPECT_INT(ringtail_config_set(&config, "ring-bytes", "1KiB"), 0);
}

/* --- a broker's config --- */

static void on_stopped(void *context)
{
    ++*(int *)context;
}

/* A broker gives the loop back as it was, or was never created. */
static int create_and_destroy(const struct ringtail_config *config,
                              uint64_t *connections_max)
{
    uv_loop_t loop;
    struct ringtail_broker *broker = NULL;
    int stopped = 0;
    EXPECT_INT(uv_loop_init(&loop), 0);
    int err = ringtail_broker_create(config, &loop, &broker);
    EXPECT((err == 0) == (broker != NULL));
    if (err == 0) {
        *connections_max = ringtail_broker_connections_max(broker);
        ringtail_broker_stop(broker, DRAIN_MS, on_stopped, &stopped);
        EXPECT_INT(stopped, 0);
        EXPECT_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
        EXPECT_INT(stopped, 1);
        ringtail_broker_destroy(broker);
    }
    EXPECT_INT(uv_loop_close(&loop), 0);
    return err;
}

static int created(const struct ringtail_config *config)
{
    uint64_t connections_max = 0;
    return create_and_destroy(config, &connections_max);
}

TEST("a broker comes and goes with the defaults, given or not")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    EXPECT_INT(created(&config), 0);
    EXPECT_INT(created(NULL), 0);
    ringtail_broker_destroy(NULL);
}

TEST("an event larger than a segment can count is refused at the start")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.ring_bytes = RINGTAIL_UNLIMITED;
    config.event_bytes = (uint64_t)1024 * 1024 * 1024;
    EXPECT_INT(created(&config), 0);
    config.event_bytes++;
    EXPECT_INT(created(&config), RINGTAIL_EEVENTBYTES);
}

TEST("a broker comes and goes with no limits at all")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    for (size_t i = 0; ringtail_option_at(i) != NULL; i++) {
        const struct ringtail_option *option = ringtail_option_at(i);
        if (is_limit(option)) {
            EXPECT_INT(ringtail_config_set(&config, option->name, "unlimited"),
                       0);
        }
    }
    EXPECT_INT(created(&config), 0);
}

TEST("a broker is not created with a limit of 0")
{
    for (size_t i = 0; ringtail_option_at(i) != NULL; i++) {
        struct ringtail_config config;
        ringtail_config_init(&config);
        memset((char *)&config + OPTIONS_AT + i * 8, 0, 8);
        EXPECT_INT(created(&config),
                   is_limit(ringtail_option_at(i)) ? RINGTAIL_EVALUE : 0);
    }
}

TEST("nothing waits for the disk without a log")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.ack = RINGTAIL_ACK_MEMORY;
    EXPECT_INT(created(&config), 0);
    config.ack = RINGTAIL_ACK_DISK;
    EXPECT_INT(created(&config), RINGTAIL_ENODATA);
    config.ack = RINGTAIL_ACK_DISK + 1;
    EXPECT_INT(created(&config), RINGTAIL_EVALUE);
}

TEST("an event fits its ring, exactly if need be")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.event_bytes = config.ring_bytes;
    EXPECT_INT(created(&config), 0);
    config.event_bytes++;
    EXPECT_INT(created(&config), RINGTAIL_EEVENTBYTES);
    config.event_bytes = RINGTAIL_UNLIMITED;
    EXPECT_INT(created(&config), RINGTAIL_EEVENTBYTES);
}

TEST("there are no more connections than descriptors")
{
    struct ringtail_config config;
    uint64_t connections_max = 0;
    ringtail_config_init(&config);
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT(connections_max > 0);
    config.connections = connections_max;
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT_INT(connections_max, config.connections);
    config.connections = 1;
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT_INT(connections_max, 1);
    config.connections = RINGTAIL_UNLIMITED - 1;
    EXPECT_INT(created(&config), RINGTAIL_EDESCRIPTORS);
}

TEST("a broker that finds no memory leaves nothing in the loop")
{
    int err = UV_ENOMEM;
    for (uint64_t memory = 1; memory <= 64 * 1024; memory *= 2) {
        struct ringtail_config config;
        ringtail_config_init(&config);
        config.memory = memory;
        err = created(&config);
        EXPECT(err == 0 || err == UV_ENOMEM);
    }
    EXPECT_INT(err, 0);
}

/* What lies behind the size that a caller gave is not its config. */
TEST("a config of an older caller keeps the defaults for what it lacks")
{
    for (size_t i = 0; ringtail_option_at(i) != NULL; i++) {
        struct ringtail_config config = {0};
        struct ringtail_config defaults;
        ringtail_config_init(&defaults);
        config = defaults;
        config.size = sizeof(config.size) + i * 8;
        memset((char *)&config + config.size, 0, sizeof(config) - config.size);
        EXPECT_INT(created(&config), 0);
    }
}

TEST("a config of an older caller counts for what it has")
{
    struct ringtail_config config;
    uint64_t connections_max = 0;
    ringtail_config_init(&config);
    config.connections = 7;
    config.size = offsetof(struct ringtail_config, stall_timeout);
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT_INT(connections_max, 7);
    config.size = offsetof(struct ringtail_config, connections);
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT(connections_max != 7);
    config.size = 0;
    EXPECT_INT(create_and_destroy(&config, &connections_max), 0);
    EXPECT(connections_max != 7);
}

TEST("a config of a newer caller counts for what is known here")
{
    struct {
        struct ringtail_config config;
        char more[64];
    } newer;
    uint64_t connections_max = 0;
    memset(&newer, 0xee, sizeof(newer));
    ringtail_config_init(&newer.config);
    newer.config.size = sizeof(newer);
    newer.config.connections = 7;
    EXPECT_INT(create_and_destroy(&newer.config, &connections_max), 0);
    EXPECT_INT(connections_max, 7);
}

TEST("two brokers share a loop and leave it one by one")
{
    uv_loop_t loop;
    struct ringtail_broker *first = NULL;
    struct ringtail_broker *second = NULL;
    int stopped = 0;
    EXPECT_INT(uv_loop_init(&loop), 0);
    EXPECT_INT(ringtail_broker_create(NULL, &loop, &first), 0);
    EXPECT_INT(ringtail_broker_create(NULL, &loop, &second), 0);
    ringtail_broker_stop(first, DRAIN_MS, on_stopped, &stopped);
    while (stopped == 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    ringtail_broker_destroy(first);
    ringtail_broker_stop(second, DRAIN_MS, on_stopped, &stopped);
    EXPECT_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(stopped, 2);
    ringtail_broker_destroy(second);
    EXPECT_INT(uv_loop_close(&loop), 0);
}
