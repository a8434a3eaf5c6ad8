// floor echo|broadcast PORT: TCP on bare epoll, one thread: the least that a callback library could cost.
//
// echo answers what arrives; broadcast sends each message to all connections.
//
// Level-triggered, one shared receive buffer, the answer sent at once. Only a connection whose peer does not
// read owns memory: what is left to send. Until that has gone it isn't read from either.
//
// Compiled with -DHANDICAP_NS=N it wastes N ns on each message, to show what the bench makes of so much; with
// -DIDLE_THREAD it starts a thread that sleeps for ever, to show whether having threads costs something (fdget in fs/file.c).
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { descriptors_max = 1 << 16, events_max = 1024 };

struct rest { // what the kernel would not take yet
	size_t at, end;
	char bytes[];
};

static int poller;
static char buffer[64 * 1024];
static struct rest *rests[descriptors_max]; // by descriptor, NULL while nothing waits

static void watch(int op, int fd, unsigned events) {
	struct epoll_event ev = {.events = events, .data.fd = fd};
	if (epoll_ctl(poller, op, fd, &ev) < 0) die("epoll_ctl");
}

static int conns[descriptors_max], conns_n, place[descriptors_max]; // all there are, in no order; place is by descriptor

static void drop(int fd) {
	conns[place[fd]] = conns[--conns_n];
	place[conns[place[fd]]] = place[fd];
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
static void waste(void) {
	for (long long end = now_ns(CLOCK_MONOTONIC) + HANDICAP_NS; now_ns(CLOCK_MONOTONIC) < end;) continue;
}
#else
static void waste(void) {}
#endif

static void answer(int fd, const char *p, ssize_t n) {
	ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
	if (sent == n) return;
	if (sent < 0) {
		if (!would_block()) {
			drop(fd);
			return;
		}
		sent = 0;
	}
	keep(fd, p + sent, n - sent);
}

static void serve(int fd, int broadcast) {
	waste();
	ssize_t got = recv(fd, buffer, sizeof buffer, 0);
	if (got <= 0) {
		if (got == 0 || !would_block()) drop(fd);
		return;
	}
	if (!broadcast) {
		answer(fd, buffer, got);
		return;
	}
	for (int i = conns_n; i-- > 0;) {
		if (rests[conns[i]]) die("a reader that does not keep up"); // the load awaits all before it goes on
		answer(conns[i], buffer, got);
	}
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
		place[fd] = conns_n;
		conns[conns_n++] = fd;
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
	announce("tcp", &a);
	return fd;
}

#ifdef IDLE_THREAD
#include <pthread.h>

static void *sleep_forever(void *unused) {
	for (;;) pause();
	return unused;
}

static void start_thread(void) {
	pthread_t id;
	if (pthread_create(&id, NULL, sleep_forever, NULL)) die("pthread_create");
}
#else
static void start_thread(void) {}
#endif

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: floor echo|broadcast PORT (0: any)\n");
		return 2;
	}
	int broadcast = !strcmp(argv[1], "broadcast");
	raise_descriptor_limit();
	start_thread();
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0) die("epoll_create1");
	int listener = listen_on(atoi(argv[2]));
	watch(EPOLL_CTL_ADD, listener, EPOLLIN);

	static struct epoll_event events[events_max];
	for (;;) {
		int n = epoll_wait(poller, events, events_max, -1);
		if (n < 0 && errno != EINTR) die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) take(fd);
			else if (rests[fd]) flush(fd);
			else serve(fd, broadcast);
		}
	}
}
