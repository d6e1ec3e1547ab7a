#include "protocol/json_members.h"

#include <string.h>

#include "base/check.h"
#include "protocol/json.h"
#include "tests/support/test.h"

static struct rt_json_walk walk_of(const char *text)
{
    struct rt_json_walk walk = {NULL, NULL};
    struct rt_bytes bytes = rt_bytes_of(text);
    EXPECT(rt_json_is_valid(bytes));
    EXPECT(rt_json_enter_object(bytes, &walk) !=
           rt_json_enter_array(bytes, &walk));
    return walk;
}

static void
expect_member(struct rt_json_walk *walk, const char *name, const char *value)
{
    struct rt_json_member member = {{NULL, 0}, {NULL, 0}};
    EXPECT(rt_json_next_member(walk, &member));
    EXPECT_TEXT(member.name, name);
    EXPECT_TEXT(member.value, value);
}

static void expect_element(struct rt_json_walk *walk, const char *value)
{
    struct rt_bytes element = {NULL, 0};
    EXPECT(rt_json_next_element(walk, &element));
    EXPECT_TEXT(element, value);
}

static void expect_end(struct rt_json_walk *walk)
{
    struct rt_json_member member = {{NULL, 99}, {NULL, 99}};
    EXPECT(!rt_json_next_member(walk, &member));
    EXPECT(!rt_json_next_element(walk, &member.value));
    EXPECT_INT(member.name.len, 99);
    EXPECT_INT(member.value.len, 99);
}

TEST("the members of an object come in their order, as they are written")
{
    struct rt_json_walk walk =
        walk_of("{\"op\":\"sub\",\"id\":7,\"a\":-1.50e+3,\"b\":true}");
    expect_member(&walk, "\"op\"", "\"sub\"");
    expect_member(&walk, "\"id\"", "7");
    expect_member(&walk, "\"a\"", "-1.50e+3");
    expect_member(&walk, "\"b\"", "true");
    expect_end(&walk);
    expect_end(&walk);
}

TEST("white space between the parts belongs to none")
{
    struct rt_json_walk walk =
        walk_of(" \r\n{ \"a\" :\t1 , \"b\"\n:\r[ ] ,\"c\" : null\n} \n");
    expect_member(&walk, "\"a\"", "1");
    expect_member(&walk, "\"b\"", "[ ]");
    expect_member(&walk, "\"c\"", "null");
    expect_end(&walk);
}

TEST("a value that is nested is one, whatever is in its strings")
{
    struct rt_json_walk walk =
        walk_of("{\"a\":{\"}\":[\"]\",{\"x\":\"\\\"}\"}]},"
                "\"b\":[[1,2],{\"c\":[]}],\"c\":{}}");
    expect_member(&walk, "\"a\"", "{\"}\":[\"]\",{\"x\":\"\\\"}\"}]}");
    expect_member(&walk, "\"b\"", "[[1,2],{\"c\":[]}]");
    expect_member(&walk, "\"c\"", "{}");
    expect_end(&walk);
}

TEST("quotes and backslashes that are escaped do not end a string")
{
    struct rt_json_walk walk =
        walk_of("{\"a\\\"\\\\\":\"\\\\\",\"\":\"\\\\\\\"\",\"c\":\"\"}");
    expect_member(&walk, "\"a\\\"\\\\\"", "\"\\\\\"");
    expect_member(&walk, "\"\"", "\"\\\\\\\"\"");
    expect_member(&walk, "\"c\"", "\"\"");
    expect_end(&walk);
}

TEST("names that repeat come as often as they are there")
{
    struct rt_json_walk walk = walk_of("{\"a\":1,\"a\":2}");
    expect_member(&walk, "\"a\"", "1");
    expect_member(&walk, "\"a\"", "2");
    expect_end(&walk);
}

TEST("the elements of an array come in their order")
{
    struct rt_json_walk walk = walk_of("[\"a\", 1 ,[2,3],{\"b\":4},null ]");
    expect_element(&walk, "\"a\"");
    expect_element(&walk, "1");
    expect_element(&walk, "[2,3]");
    expect_element(&walk, "{\"b\":4}");
    expect_element(&walk, "null");
    expect_end(&walk);
}

TEST("what is empty has no parts")
{
    struct rt_json_walk walk = walk_of("{}");
    expect_end(&walk);
    walk = walk_of("{ \n }");
    expect_end(&walk);
    walk = walk_of(" [\t]");
    expect_end(&walk);
}

TEST("an object is no array, and other values are neither")
{
    static const char *const others[] = {"1", "\"{}\"", "null", " true ", "-0"};
    struct rt_json_walk walk;
    EXPECT(!rt_json_enter_array(RT_BYTES("{}"), &walk));
    EXPECT(!rt_json_enter_object(RT_BYTES("[]"), &walk));
    EXPECT(!rt_json_enter_object((struct rt_bytes){NULL, 0}, &walk));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(others); i++) {
        EXPECT(!rt_json_enter_array(rt_bytes_of(others[i]), &walk));
        EXPECT(!rt_json_enter_object(rt_bytes_of(others[i]), &walk));
    }
}

TEST("a value that was given is walked through in its turn")
{
    struct rt_json_walk walk = walk_of("{\"topics\":[\"a\",\"b\"]}");
    struct rt_json_member member;
    EXPECT(rt_json_next_member(&walk, &member));
    EXPECT(rt_json_enter_array(member.value, &walk));
    expect_element(&walk, "\"a\"");
    expect_element(&walk, "\"b\"");
    expect_end(&walk);
}

TEST("the deepest text there may be is one value")
{
    char text[2 * RT_JSON_DEPTH_MAX + 4] = "{\"a\":";
    size_t depth = RT_JSON_DEPTH_MAX - 1;
    memset(text + 5, '[', depth);
    memset(text + 5 + depth, ']', depth);
    text[5 + 2 * depth] = '}';
    struct rt_bytes whole = {text, 6 + 2 * depth};
    struct rt_json_walk walk;
    struct rt_json_member member;
    EXPECT(rt_json_is_valid(whole) && rt_json_enter_object(whole, &walk));
    EXPECT(rt_json_next_member(&walk, &member));
    EXPECT_INT(member.value.len, 2 * depth);
    expect_end(&walk);
}
