// uvstream sink|pump|burst|broadcast-guide|broadcast-tuned PORT: TCP work on libuv that is no echo.
//
// sink counts what it reads and answers the end with the count; pump writes without end, the next piece when the last
// is written, as benchmark-pump.c; burst answers each message by many small writes at once, as
// benchmark-tcp-write-batch.c; broadcast sends each message to all connections.
#include "uvserver.h"

typedef struct conn {
	uv_tcp_t tcp;
	uv_write_t req;
	uint64_t count;
	struct conn *next, *prev; // of all there are
} conn;

typedef struct {
	uv_write_t req;
	char bytes[]; // of a broadcast that could not be written at once
} copy;

static char shared[64 * 1024], output[piece];
static uv_read_cb on_read;
static void (*on_open)(conn *);
static conn all = {.next = &all, .prev = &all};
static uv_write_t requests[burst_writes];
static int under_way; // of a burst

static void on_close(uv_handle_t *h) { free(h); }

static void hang_up(uv_stream_t *s) {
	conn *c = (conn *)s;
	if (uv_is_closing((uv_handle_t *)s)) return;
	c->next->prev = c->prev;
	c->prev->next = c->next;
	uv_close((uv_handle_t *)s, on_close);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	(void)h, (void)suggested;
	*buf = uv_buf_init(shared, sizeof shared);
}

static void told(uv_write_t *req, int status) {
	(void)status;
	hang_up(req->handle);
}

static void sink_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
	conn *c = (conn *)s;
	(void)buf;
	if (n > 0) c->count += n;
	if (n == UV_EOF) {
		uv_buf_t b = uv_buf_init((char *)&c->count, sizeof c->count);
		check(uv_write(&c->req, s, &b, 1, told), "uv_write");
	} else if (n < 0) {
		hang_up(s);
	}
}

static void pump_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
	(void)buf;
	if (n < 0) hang_up(s);
}

static void pump(uv_write_t *req, int status) {
	if (status < 0) {
		hang_up(req->handle);
		return;
	}
	uv_buf_t b = uv_buf_init(output, sizeof output);
	check(uv_write(req, req->handle, &b, 1, pump), "uv_write");
}

static void pump_open(conn *c) {
	c->req.handle = (uv_stream_t *)c;
	pump(&c->req, 0);
}

static void burst_written(uv_write_t *req, int status) {
	if (status < 0) hang_up(req->handle);
	under_way--;
}

static void burst_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
	(void)buf;
	if (n < 0) hang_up(s);
	if (n <= 0) return;
	if (under_way) check(UV_EBUSY, "a burst before the end of the last");
	under_way = burst_writes;
	uv_buf_t b = uv_buf_init(output, burst_size);
	for (int i = 0; i < burst_writes; i++) check(uv_write(&requests[i], s, &b, 1, burst_written), "uv_write");
}

static void copy_written(uv_write_t *req, int status) {
	if (status < 0) hang_up(req->handle);
	free(req);
}

static void guide_write(uv_stream_t *s, const char *p, size_t n) {
	copy *c = malloc(sizeof *c + n);
	memcpy(c->bytes, p, n);
	uv_buf_t b = uv_buf_init(c->bytes, n);
	check(uv_write(&c->req, s, &b, 1, copy_written), "uv_write");
}

static void tuned_write(uv_stream_t *s, const char *p, size_t n) {
	uv_buf_t b = uv_buf_init((char *)p, n);
	ssize_t sent = uv_try_write(s, &b, 1);
	if (sent == UV_EAGAIN) sent = 0;
	if (sent < 0) hang_up(s);
	else if ((size_t)sent < n) guide_write(s, p + sent, n - sent);
}

static void broadcast(uv_stream_t *s, ssize_t n, const uv_buf_t *buf, void (*write)(uv_stream_t *, const char *, size_t)) {
	if (n < 0) hang_up(s);
	if (n <= 0) return;
	for (conn *c = all.next, *next; c != &all; c = next) {
		next = c->next;
		write((uv_stream_t *)c, buf->base, n);
	}
}

static void guide_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) { broadcast(s, n, buf, guide_write); }
static void tuned_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) { broadcast(s, n, buf, tuned_write); }

static void on_connection(uv_stream_t *listener, int status) {
	check(status, "listen");
	conn *c = calloc(1, sizeof *c);
	check(uv_tcp_init(listener->loop, &c->tcp), "uv_tcp_init");
	check(uv_accept(listener, (uv_stream_t *)c), "uv_accept");
	uv_tcp_nodelay(&c->tcp, 1);
	c->next = all.next;
	c->prev = &all;
	c->next->prev = all.next = c;
	check(uv_read_start((uv_stream_t *)c, on_alloc, on_read), "uv_read_start");
	if (on_open) on_open(c);
}

int main(int argc, char **argv) {
	const struct {
		const char *name;
		uv_read_cb read;
		void (*open)(conn *);
	} modes[] = {
		{"sink", sink_read, NULL},        {"pump", pump_read, pump_open},       {"burst", burst_read, NULL},
		{"broadcast-guide", guide_read, NULL}, {"broadcast-tuned", tuned_read, NULL},
	};
	for (size_t i = 0; argc == 3 && i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(argv[1], modes[i].name)) continue;
		on_read = modes[i].read;
		on_open = modes[i].open;
	}
	if (!on_read) {
		fprintf(stderr, "usage: uvstream sink|pump|burst|broadcast-guide|broadcast-tuned PORT (0: any)\n");
		return 2;
	}
	pattern(output, sizeof output);
	raise_descriptor_limit();
	uv_tcp_t listener;
	uv_listen_on(&listener, atoi(argv[2]), on_connection);
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
