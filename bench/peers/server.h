// What the C peers share: the end of a program that cannot go on, the line that says where it listens, and the limits
// and sizes that all peers keep alike.
#ifndef SERVER_H
#define SERVER_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum {
	backlog = 4096,
	piece = 8 << 10,         // what pump writes at a time, as libuv's benchmark-pump.c does
	burst_writes = 100000,   // of a burst, burst_size bytes each
	burst_size = 13,
	datagram_size = 1024,
	datagrams_per_ask = 512, // what a sender sends when it is asked, and a receiver acknowledges at once
	udp_buffer = 8 << 20,
};

static inline void die(const char *what) {
	perror(what);
	exit(1);
}

static inline void announce(const char *kind, const struct sockaddr_in *a) {
	printf("listening %s 127.0.0.1:%d\n", kind, ntohs(a->sin_port));
	fflush(stdout);
}

static inline void raise_descriptor_limit(void) {
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

// widen lets a datagram socket hold all that is under way, beyond the limit that root alone may pass (socket(7)).
static inline void widen(int fd) {
	int size = udp_buffer;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static inline long long now_ns(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// pattern fills p with what all peers send: no short period, so that a shift by any count shows.
static inline void pattern(char *p, size_t n) {
	for (size_t i = 0; i < n; i++) p[i] = (char)(i * 131 >> 3);
}
#endif
