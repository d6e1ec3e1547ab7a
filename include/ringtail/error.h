/*
 * The errors of the library: negative, from -10000 down, so that libuv's pass
 * through. To be had with ringtail.h.
 */
#ifndef RINGTAIL_ERROR_H
#define RINGTAIL_ERROR_H

#if defined(__GNUC__)
#define RINGTAIL_EXPORT __attribute__((visibility("default")))
#else
#define RINGTAIL_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The library's own errors: name, value, text. */
#define RINGTAIL_ERROR_MAP(X)                                               \
    X(EADDRESS, -10000,                                                     \
      "not an address: use ADDRESS:PORT, [ADDRESS]:PORT, unix:PATH or "     \
      "fd:N")                                                               \
    X(EINSECURE, -10002,                                                    \
      "the address is reachable from other machines, and nothing asks for " \
      "authentication: allow that with --insecure")                         \
    X(ENAME, -10003, "there is no option of that name")                     \
    X(EVALUE, -10004, "that is not a value for this option")                \
    X(EEVENTBYTES, -10005,                                                  \
      "an event may not be larger than its ring, nor than 1 GiB")           \
    X(EDESCRIPTORS, -10006,                                                 \
      "too few file descriptors for the connections: raise the limit "      \
      "(ulimit -n), or lower --connections if it was given")                \
    X(ETOPIC, -10007,                                                       \
      "not a topic: tokens of A-Z a-z 0-9 _ = ~ - with dots between them, " \
      "at most 200 bytes")                                                  \
    X(EPAYLOAD, -10008, "the payload is not what its content type says")    \
    X(ETOOLARGE, -10009, "the event is larger than it may be")              \
    X(EFULL, -10010, "as many events wait as may: try again later")         \
    X(ESTOPPED, -10011, "the broker has been stopped")                      \
    X(ESINCE, -10012,                                                       \
      "not a place to start: it is now, earliest, a cursor, an RFC 3339 "   \
      "time, a duration such as 10m, or -N")                                \
    X(EDESCRIPTOR, -10013, "the descriptor is not a stream socket")         \
    X(ECONNECTIONS, -10014, "there are as many connections as may be")      \
    X(ECLOSED, -10015, "the topic is closed")                               \
    X(ELOCKED, -10016, "another broker has that directory")                 \
    X(EDAMAGED, -10017,                                                     \
      "the log on disk is damaged, and cannot be understood")               \
    X(ENODATA, -10018,                                                      \
      "nothing can wait for the disk without a log: give --data")           \
    X(ESTORAGE, -10019, "the disk has failed, and no event is taken")       \
    X(ELOST, -10020,                                                        \
      "the disk has lost events of the topic, which takes no more")         \
    X(EUNSYNCED, -10021,                                                    \
      "the disk is full or has failed: the event may be there or not")      \
    X(EREPAIR, -10022, "a repair of the log on disk was interrupted")       \
    X(ENOFILE, -10023,                                                      \
      "what has the name of one of the log's files is no file")             \
    X(EURL, -10100,                                                         \
      "not a broker's URL: use http://HOST:PORT, HOST:PORT or unix:PATH")   \
    X(ETLS, -10101, "https and wss need TLS, which is not built in")        \
    X(ETYPE, -10103, "that is not a content type")                          \
    X(EREFUSED, -10106, "the broker refused")                               \
    X(EUNKNOWN, -10107,                                                     \
      "the connection broke before the answer: the event may have arrived") \
    X(EPROTOCOL, -10108, "the peer does not speak the broker's protocol")   \
    X(ELEFT, -10109, "the broker closed the subscription")

enum ringtail_error {
#define X(name, value, text) RINGTAIL_##name = (value),
    RINGTAIL_ERROR_MAP(X)
#undef X
};

/* A text for an error of this library or of libuv; never NULL. */
RINGTAIL_EXPORT const char *ringtail_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
