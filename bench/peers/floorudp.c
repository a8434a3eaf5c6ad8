// floorudp receive PORT: datagrams of 1 KiB as fast as the kernel gives them, on epoll, recvmmsg and UDP_GRO, and with no
// checks. It acknowledges each so many with its count: the least that a receiver here can cost.
#define _GNU_SOURCE
#include "server.h"

#include <netinet/udp.h>
#include <sys/epoll.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { batch = 32, run = 64 * 1024 };

static char memory[batch][run];
static struct sockaddr_in from[batch];
static struct iovec pieces[batch];
static struct mmsghdr messages[batch];

static int bind_on(int port) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	if (fd < 0) die("socket");
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) die("bind");
	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0) die("UDP_GRO");
	widen(fd);
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0) die("getsockname");
	announce("udp", &a);
	return fd;
}

static void receive(int fd) {
	static uint64_t count, told;
	int n = recvmmsg(fd, messages, batch, 0, NULL);
	if (n < 0) return; // nothing left
	for (int i = 0; i < n; i++) count += messages[i].msg_len / datagram_size;
	for (; count / datagrams_per_ask > told; ) {
		uint64_t all = ++told * datagrams_per_ask;
		if (sendto(fd, &all, sizeof all, 0, (struct sockaddr *)&from[0], sizeof from[0]) < 0) die("sendto");
	}
}

int main(int argc, char **argv) {
	if (argc != 3 || strcmp(argv[1], "receive")) {
		fprintf(stderr, "usage: floorudp receive PORT (0: any)\n");
		return 2;
	}
	int fd = bind_on(atoi(argv[2])), poller = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll");
	for (int i = 0; i < batch; i++) {
		pieces[i] = (struct iovec){memory[i], run};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &pieces[i], .msg_iovlen = 1};
	}
	for (;;)
		if (epoll_wait(poller, &event, 1, -1) > 0) receive(fd);
}
