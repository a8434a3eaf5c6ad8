// uvecho guide|tuned PORT: TCP echo on libuv, written in two ways.
//
// guide is the echo server of libuv's own guide: a malloc for each read, a uv_write with a request of its own
// for each answer. tuned is what a careful user makes of it: one shared buffer, and uv_try_write first.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

enum { backlog = 4096 };

typedef struct {
	uv_write_t req;
	uv_buf_t buf;
} answer;

static char shared[64 * 1024];
static uv_alloc_cb on_alloc;
static uv_read_cb on_read;

static void check(int status, const char *what) {
	if (status >= 0) return;
	fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
	exit(1);
}

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

static void guide_read(uv_stream_t *conn, ssize_t n, const uv_buf_t *buf) {
	if (n > 0) {
		write_owned(conn, buf->base, n);
		return;
	}
	if (n < 0) hang_up(conn);
	free(buf->base);
}

static void tuned_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	*buf = uv_buf_init(shared, sizeof shared);
}

static void tuned_read(uv_stream_t *conn, ssize_t n, const uv_buf_t *buf) {
	if (n < 0) hang_up(conn);
	if (n <= 0) return;
	uv_buf_t b = uv_buf_init(buf->base, n);
	int sent = uv_try_write(conn, &b, 1);
	if (sent == n) return;
	if (sent < 0) {
		if (sent != UV_EAGAIN) {
			hang_up(conn);
			return;
		}
		sent = 0;
	}
	char *rest = malloc(n - sent);
	memcpy(rest, buf->base + sent, n - sent);
	write_owned(conn, rest, n - sent);
}

static void on_connection(uv_stream_t *listener, int status) {
	check(status, "listen");
	uv_tcp_t *conn = malloc(sizeof *conn);
	check(uv_tcp_init(listener->loop, conn), "uv_tcp_init");
	check(uv_accept(listener, (uv_stream_t *)conn), "uv_accept");
	uv_tcp_nodelay(conn, 1);
	check(uv_read_start((uv_stream_t *)conn, on_alloc, on_read), "uv_read_start");
}

static void announce(uv_tcp_t *listener) {
	struct sockaddr_in a;
	int size = sizeof a;
	check(uv_tcp_getsockname(listener, (struct sockaddr *)&a, &size), "uv_tcp_getsockname");
	printf("listening tcp 127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
}

static void raise_descriptor_limit(void) {
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

int main(int argc, char **argv) {
	if (argc == 2 && !strcmp(argv[1], "version")) {
		printf("libuv %s\n", uv_version_string());
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: uvecho guide|tuned PORT (0: any) | uvecho version\n");
		return 2;
	}
	int tuned = !strcmp(argv[1], "tuned");
	on_alloc = tuned ? tuned_alloc : guide_alloc;
	on_read = tuned ? tuned_read : guide_read;
	raise_descriptor_limit();

	uv_tcp_t listener;
	struct sockaddr_in a;
	check(uv_tcp_init(uv_default_loop(), &listener), "uv_tcp_init");
	check(uv_ip4_addr("127.0.0.1", atoi(argv[2]), &a), "uv_ip4_addr");
	check(uv_tcp_bind(&listener, (struct sockaddr *)&a, 0), "uv_tcp_bind");
	check(uv_listen((uv_stream_t *)&listener, backlog, on_connection), "uv_listen");
	announce(&listener);
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
