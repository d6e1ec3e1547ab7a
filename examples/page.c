#include "page.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static int load(struct page_server *server, const char *path, int broker_port)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    server->len = (size_t)snprintf(
        server->answer, sizeof(server->answer),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Connection: close\r\n\r\n"
        "<!doctype html><script>const brokerPort = %d;</script>\n",
        broker_port);
    server->len += fread(server->answer + server->len, 1,
                         sizeof(server->answer) - server->len, file);
    return fclose(file);
}

/* A request is read, so that it is not in the way, and forgotten. */
static void allocate(uv_handle_t *client, size_t size, uv_buf_t *buffer)
{
    static char request[8192];
    (void)client;
    (void)size;
    *buffer = uv_buf_init(request, sizeof(request));
}

static void on_closed(uv_handle_t *client)
{
    free(client);
}

static void on_read(uv_stream_t *client, ssize_t len, const uv_buf_t *request)
{
    struct page_server *server = client->data;
    uv_buf_t answer = uv_buf_init(server->answer, (unsigned)server->len);
    (void)request;
    if (len > 0) {
        /* It fits into a socket that nothing has been written to. */
        (void)uv_try_write(client, &answer, 1);
    }
    if (len != 0) {
        uv_close((uv_handle_t *)client, on_closed);
    }
}

static void on_connection(uv_stream_t *tcp, int status)
{
    uv_tcp_t *client = status == 0 ? malloc(sizeof(*client)) : NULL;
    if (client == NULL) {
        return;
    }
    (void)uv_tcp_init(tcp->loop, client);
    client->data = tcp->data;
    if (uv_accept(tcp, (uv_stream_t *)client) < 0 ||
        uv_read_start((uv_stream_t *)client, allocate, on_read) < 0) {
        uv_close((uv_handle_t *)client, on_closed);
    }
}

int page_serve(struct page_server *server,
               uv_loop_t *loop,
               int port,
               const char *path,
               int broker_port)
{
    struct sockaddr_in name;
    int len = sizeof(name);
    (void)uv_tcp_init(loop, &server->tcp);
    server->tcp.data = server;
    (void)uv_ip4_addr("127.0.0.1", port, &name);
    (void)uv_tcp_bind(&server->tcp, (struct sockaddr *)&name, 0);
    if (load(server, path, broker_port) < 0 ||
        uv_listen((uv_stream_t *)&server->tcp, 16, on_connection) < 0 ||
        uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&name, &len) < 0) {
        return -1;
    }
    return ntohs(name.sin_port);
}

void page_close(struct page_server *server)
{
    uv_close((uv_handle_t *)&server->tcp, NULL);
}
