// uvecho guide|tuned PORT [FRAME]: TCP echo on libuv, written in two ways.
//
// guide is the echo server of libuv's own guide: a malloc for each read, a uv_write with a request of its own
// for each answer. tuned is what a careful user makes of it: one shared buffer, and uv_try_write first.
// With FRAME each so many bytes, the load sends whole ones, are answered by a write of their own.
#include "uvserver.h"

typedef struct {
	uv_write_t req;
	uv_buf_t buf;
} answer;

static char shared[64 * 1024];
static ssize_t frame;
static uv_alloc_cb on_alloc;
static uv_read_cb on_read;

static void on_close(uv_handle_t *h) { free(h); }

static void hang_up(uv_stream_t *conn) {
	if (!uv_is_closing((uv_handle_t *)conn)) uv_close((uv_handle_t *)conn, on_close);
}

static void on_written(uv_write_t *req, int status) {
	answer *a = (answer *)req;
	if (status < 0) hang_up(req->handle);
	free(a->buf.base);
	free(a);
}

static void write_owned(uv_stream_t *conn, char *p, size_t n) {
	answer *a = malloc(sizeof *a);
	a->buf = uv_buf_init(p, n);
	check(uv_write(&a->req, conn, &a->buf, 1, on_written), "uv_write");
}

static void guide_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	buf->base = malloc(suggested);
	buf->len = suggested;
}

static char *copy(const char *p, size_t n) {
	char *q = malloc(n);
	memcpy(q, p, n);
	return q;
}

static void guide_read(uv_stream_t *conn, ssize_t n, const uv_buf_t *buf) {
	if (n > 0 && frame == 0) {
		write_owned(conn, buf->base, n);
		return;
	}
	for (ssize_t at = 0; at < n; at += frame) write_owned(conn, copy(buf->base + at, frame), frame);
	if (n < 0) hang_up(conn);
	free(buf->base);
}

static void tuned_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	*buf = uv_buf_init(shared, sizeof shared);
}

static void answer_tuned(uv_stream_t *conn, char *p, ssize_t n) {
	uv_buf_t b = uv_buf_init(p, n);
	int sent = uv_try_write(conn, &b, 1);
	if (sent == n) return;
	if (sent < 0) {
		if (sent != UV_EAGAIN) {
			hang_up(conn);
			return;
		}
		sent = 0;
	}
	write_owned(conn, copy(p + sent, n - sent), n - sent);
}

static void tuned_read(uv_stream_t *conn, ssize_t n, const uv_buf_t *buf) {
	if (n < 0) hang_up(conn);
	for (ssize_t at = 0, size = frame ? frame : n; at < n; at += size) answer_tuned(conn, buf->base + at, size);
}

static void on_connection(uv_stream_t *listener, int status) {
	check(status, "listen");
	uv_tcp_t *conn = malloc(sizeof *conn);
	check(uv_tcp_init(listener->loop, conn), "uv_tcp_init");
	check(uv_accept(listener, (uv_stream_t *)conn), "uv_accept");
	uv_tcp_nodelay(conn, 1);
	check(uv_read_start((uv_stream_t *)conn, on_alloc, on_read), "uv_read_start");
}

int main(int argc, char **argv) {
	if (argc == 2 && !strcmp(argv[1], "version")) {
		printf("libuv %s\n", uv_version_string());
		return 0;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: uvecho guide|tuned PORT (0: any) [FRAME] | uvecho version\n");
		return 2;
	}
	int tuned = !strcmp(argv[1], "tuned");
	on_alloc = tuned ? tuned_alloc : guide_alloc;
	on_read = tuned ? tuned_read : guide_read;
	if (argc > 3) frame = atoi(argv[3]);
	raise_descriptor_limit();

	uv_tcp_t listener;
	uv_listen_on(&listener, atoi(argv[2]), on_connection);
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
