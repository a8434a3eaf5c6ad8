// uvpummel SENDERS RECEIVERS MILLISECONDS: benchmark-udp-pummel.c of libuv: each sender has one datagram of 45 bytes
// under way, to a receiver of the same loop; for a warm-up of a quarter of the time, and then for the time.
#include "uvserver.h"

enum { each_max = 100 };

static char text[] = "RANG TANG DING DONG I AM THE JAPANESE SANDMAN";
static struct sockaddr_in to[each_max];
static uv_udp_t senders[each_max], receivers[each_max];
static uv_udp_send_t requests[each_max];
static int receivers_n, window;
static long long sent, received, sent_before, received_before, cpu, wall;

static void send_next(uv_udp_send_t *req, int status) {
	check(status, "uv_udp_send");
	int i = req - requests;
	uv_buf_t b = uv_buf_init(text, sizeof text - 1);
	sent++;
	check(uv_udp_send(req, &senders[i], &b, 1, (struct sockaddr *)&to[i % receivers_n], send_next), "uv_udp_send");
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	static char slab[65536];
	(void)h, (void)suggested;
	*buf = uv_buf_init(slab, sizeof slab);
}

static void on_received(uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags) {
	(void)h, (void)flags;
	check(n, "receive");
	if (!from) return;
	if (n != sizeof text - 1 || memcmp(buf->base, text, n)) check(UV_EINVAL, "a datagram that nobody sent");
	received++;
}

static void on_end(uv_timer_t *t) {
	(void)t;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	long long got = received - received_before;
	printf("{\"rate\": %f, \"CPU\": %f, \"sent\": %f, \"lost\": %f}\n", got * 1e9 / wall, (double)cpu / got,
	       (sent - sent_before) * 1e9 / wall, 100.0 * (sent - received) / sent);
	exit(0);
}

static void on_warm(uv_timer_t *t) {
	sent_before = sent;
	received_before = received;
	wall = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	uv_timer_start(t, on_end, window, 0);
}

int main(int argc, char **argv) {
	int senders_n = argc == 4 ? atoi(argv[1]) : 0;
	if (senders_n < 1 || senders_n > each_max || (receivers_n = atoi(argv[2])) < 1 || receivers_n > each_max) {
		fprintf(stderr, "usage: uvpummel SENDERS RECEIVERS MILLISECONDS\n");
		return 2;
	}
	window = atoi(argv[3]);
	uv_loop_t *loop = uv_default_loop();
	for (int i = 0; i < receivers_n; i++) {
		int size = sizeof to[i];
		check(uv_udp_init(loop, &receivers[i]), "uv_udp_init");
		check(uv_ip4_addr("127.0.0.1", 0, &to[i]), "uv_ip4_addr");
		check(uv_udp_bind(&receivers[i], (struct sockaddr *)&to[i], 0), "uv_udp_bind");
		check(uv_udp_getsockname(&receivers[i], (struct sockaddr *)&to[i], &size), "uv_udp_getsockname");
		check(uv_udp_recv_start(&receivers[i], on_alloc, on_received), "uv_udp_recv_start");
	}
	for (int i = 0; i < senders_n; i++) {
		check(uv_udp_init(loop, &senders[i]), "uv_udp_init");
		send_next(&requests[i], 0);
	}
	uv_timer_t timer;
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_warm, window / 4, 0);
	return uv_run(loop, UV_RUN_DEFAULT);
}
