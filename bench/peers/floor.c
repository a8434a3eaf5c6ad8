// floor PORT: TCP echo on bare epoll, one thread: the least that a callback library could cost.
//
// Level-triggered, one shared receive buffer, the answer sent at once. Only a connection whose peer does not
// read owns memory: what is left to send. Until that has gone it isn't read from either.
//
// Compiled with -DHANDICAP_NS=N it wastes N ns on each message, to show what the bench makes of so much.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { descriptors_max = 1 << 16, events_max = 1024, backlog = 4096 };

struct rest { // what the kernel would not take yet
	size_t at, end;
	char bytes[];
};

static int poller;
static char buffer[64 * 1024];
static struct rest *rests[descriptors_max]; // by descriptor, NULL while nothing waits

static void die(const char *what) {
	perror(what);
	exit(1);
}

static void watch(int op, int fd, unsigned events) {
	struct epoll_event ev = {.events = events, .data.fd = fd};
	if (epoll_ctl(poller, op, fd, &ev) < 0) die("epoll_ctl");
}

static void drop(int fd) {
	free(rests[fd]);
	rests[fd] = NULL;
	close(fd);
}

static int would_block(void) { return errno == EAGAIN || errno == EINTR; }

static void flush(int fd) {
	struct rest *r = rests[fd];
	ssize_t n = send(fd, r->bytes + r->at, r->end - r->at, MSG_NOSIGNAL);
	if (n < 0) {
		if (!would_block()) drop(fd);
		return;
	}
	r->at += n;
	if (r->at < r->end) return;
	free(r);
	rests[fd] = NULL;
	watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void keep(int fd, const char *p, size_t n) {
	struct rest *r = malloc(sizeof *r + n);
	if (!r) die("malloc");
	r->at = 0;
	r->end = n;
	memcpy(r->bytes, p, n);
	rests[fd] = r;
	watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

#ifdef HANDICAP_NS
static long now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void waste(void) {
	for (long end = now_ns() + HANDICAP_NS; now_ns() < end;) continue;
}
#else
static void waste(void) {}
#endif

static void echo(int fd) {
	waste();
	ssize_t got = recv(fd, buffer, sizeof buffer, 0);
	if (got <= 0) {
		if (got == 0 || !would_block()) drop(fd);
		return;
	}
	ssize_t sent = send(fd, buffer, got, MSG_NOSIGNAL);
	if (sent == got) return;
	if (sent < 0) {
		if (!would_block()) {
			drop(fd);
			return;
		}
		sent = 0;
	}
	keep(fd, buffer + sent, got - sent);
}

static void take(int listener) {
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == ECONNABORTED) continue;
			if (would_block()) return;
			die("accept4");
		}
		if (fd >= descriptors_max) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		watch(EPOLL_CTL_ADD, fd, EPOLLIN);
	}
}

static int listen_on(int port) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	if (bind(fd, (struct sockaddr *)&a, size) < 0) die("bind");
	if (listen(fd, backlog) < 0) die("listen");
	if (getsockname(fd, (struct sockaddr *)&a, &size) < 0) die("getsockname");
	printf("listening tcp 127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static void raise_descriptor_limit(void) {
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

int main(int argc, char **argv) {
	if (argc != 2) {
		fprintf(stderr, "usage: floor PORT (0: any)\n");
		return 2;
	}
	raise_descriptor_limit();
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0) die("epoll_create1");
	int listener = listen_on(atoi(argv[1]));
	watch(EPOLL_CTL_ADD, listener, EPOLLIN);

	static struct epoll_event events[events_max];
	for (;;) {
		int n = epoll_wait(poller, events, events_max, -1);
		if (n < 0 && errno != EINTR) die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) take(fd);
			else if (rests[fd]) flush(fd);
			else echo(fd);
		}
	}
}
