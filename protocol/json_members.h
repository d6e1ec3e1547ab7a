/*
 * Walks through an object or an array of a JSON text that rt_json_is_valid has
 * accepted, and gives its parts as they are written. Nothing is converted: a
 * number keeps its digits, and one that should be a whole number is read by
 * rt_bytes_to_u64. What is no valid JSON must not come here.
 */
#ifndef PROTOCOL_JSON_MEMBERS_H
#define PROTOCOL_JSON_MEMBERS_H

#include <stdbool.h>

#include "base/bytes.h"

/* Where a walk is; points into the value that it goes through. */
struct rt_json_walk {
    const char *at;
    const char *end;
};

/* Both as in the text, without white space around them. */
struct rt_json_member {
    struct rt_bytes name; /* a string, with its quotes and its escapes */
    struct rt_bytes value;
};

/* Begins at the first member, or says that the value is no object. */
bool rt_json_enter_object(struct rt_bytes value, struct rt_json_walk *walk);

/* Begins at the first element, or says that the value is no array. */
bool rt_json_enter_array(struct rt_bytes value, struct rt_json_walk *walk);

/* Takes the next member of an object and returns true, or false at its end. */
bool rt_json_next_member(struct rt_json_walk *walk,
                         struct rt_json_member *member);

/* Takes the next element of an array and returns true, or false at its end. */
bool rt_json_next_element(struct rt_json_walk *walk, struct rt_bytes *value);

#endif
