/*
 * The smallest web server: one page, whatever is asked for. It stands for the
 * one that a host has already.
 */
#ifndef EXAMPLES_PAGE_H
#define EXAMPLES_PAGE_H

#include <uv.h>

struct page_server {
    uv_tcp_t tcp;
    char answer[16384]; /* head and page */
    size_t len;
};

/* Serves the file at `path`, which is told the broker's port. The port it is
 * served on, or -1; the handle is the caller's to close with page_close. */
int page_serve(struct page_server *server,
               uv_loop_t *loop,
               int port,
               const char *path,
               int broker_port);

void page_close(struct page_server *server);

#endif
