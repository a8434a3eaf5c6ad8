// uvudp send-guide|send-tuned|receive-guide|receive-tuned PORT: datagrams of 1 KiB on libuv.
//
// send answers each ask by many datagrams; receive acknowledges each so many with its count. guide is one uv_udp_send or
// one receive a datagram; tuned is uv_udp_try_send, and UV_UDP_RECVMMSG.
#include "uvserver.h"

static char output[datagram_size];
static char shared[20 * 64 * 1024]; // what UV_UDP_RECVMMSG cuts into 20
enum { most = 4 * datagrams_per_ask }; // of several asks at once

static uv_udp_send_t requests[most];
static int under_way, tuned;
static unsigned next;
static uint64_t count;

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
	(void)h, (void)suggested;
	*buf = uv_buf_init(shared, tuned ? sizeof shared : 64 * 1024);
}

static void on_sent(uv_udp_send_t *req, int status) {
	(void)req;
	check(status, "uv_udp_send");
	under_way--;
}

static void asked(uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags) {
	(void)buf, (void)flags;
	check(n, "receive");
	if (!from) return;
	uv_buf_t b = uv_buf_init(output, sizeof output);
	for (int i = 0; i < datagrams_per_ask; i++) {
		if (tuned) {
			int sent = uv_udp_try_send(h, &b, 1, from);
			if (sent >= 0) continue;
			if (sent != UV_EAGAIN) check(sent, "uv_udp_try_send");
		}
		if (under_way == most) check(UV_EBUSY, "more asks than can be answered");
		under_way++; // the oldest end first, so those in use are the last so many of the ring
		check(uv_udp_send(&requests[next++ % most], h, &b, 1, from, on_sent), "uv_udp_send");
	}
}

static void received(uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags) {
	(void)buf, (void)flags;
	check(n, "receive");
	if (n != datagram_size || !from || ++count % datagrams_per_ask) return;
	uv_buf_t b = uv_buf_init((char *)&count, sizeof count);
	check(uv_udp_try_send(h, &b, 1, from), "uv_udp_try_send");
}

int main(int argc, char **argv) {
	uv_udp_recv_cb heard = NULL;
	if (argc == 3) {
		tuned = strstr(argv[1], "-tuned") != NULL;
		if (!strncmp(argv[1], "send-", 5)) heard = asked;
		if (!strncmp(argv[1], "receive-", 8)) heard = received;
	}
	if (!heard) {
		fprintf(stderr, "usage: uvudp send-guide|send-tuned|receive-guide|receive-tuned PORT (0: any)\n");
		return 2;
	}
	pattern(output, sizeof output);
	uv_udp_t socket;
	uv_bind_on(&socket, AF_INET | (tuned ? UV_UDP_RECVMMSG : 0), atoi(argv[2]));
	check(uv_udp_recv_start(&socket, on_alloc, heard), "uv_udp_recv_start");
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
