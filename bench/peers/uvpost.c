// uvpost async|queue|trip: calling a loop of libuv from another thread.
//
// async: one thread calls uv_async_send without end, as benchmark-async-pummel.c; what counts are callbacks. queue: the
// messages of a thread go through a list under a mutex, and all arrive, as a program that must not lose any would have
// it. trip: two loops call each other in turn, as benchmark-async.c.
#include "solo.h"
#include "uvserver.h"

enum { callbacks = 300000, messages = 2000000, trips = 30000 };

static uv_async_t here, there;
static uv_loop_t other;
static volatile int done;
static int n;
static long long sent_at, took[trips];

static void finish(void) {
	done = 1;
	uv_stop(uv_default_loop());
}

static void async_called(uv_async_t *a) {
	(void)a;
	if (++n == callbacks) finish();
}

static void async_sender(void *arg) {
	(void)arg;
	while (!done) check(uv_async_send(&here), "uv_async_send");
}

static uv_mutex_t mutex;
static uint64_t *in, *out, sum;
static int in_n, in_cap, out_cap;

static void queue_called(uv_async_t *a) {
	(void)a;
	uv_mutex_lock(&mutex);
	uint64_t *p = in;
	int k = in_n, cap = in_cap;
	in = out, in_n = 0, in_cap = out_cap;
	out = p, out_cap = cap;
	uv_mutex_unlock(&mutex);
	for (int i = 0; i < k; i++) sum += out[i];
	if ((n += k) == messages) finish();
}

static void queue_sender(void *arg) {
	(void)arg;
	for (uint64_t i = 0; i < messages; i++) {
		uv_mutex_lock(&mutex);
		if (in_n == in_cap) {
			in_cap = in_cap ? 2 * in_cap : 1024;
			in = realloc(in, in_cap * sizeof *in);
		}
		in[in_n++] = i;
		uv_mutex_unlock(&mutex);
		check(uv_async_send(&here), "uv_async_send");
	}
}

static void trip_called(uv_async_t *a) { // on the other loop
	(void)a;
	check(uv_async_send(&here), "uv_async_send");
}

static void trip_back(uv_async_t *a) {
	(void)a;
	long long now = now_ns(CLOCK_MONOTONIC);
	took[n++] = now - sent_at;
	if (n == trips) {
		finish();
		return;
	}
	sent_at = now;
	check(uv_async_send(&there), "uv_async_send");
}

static void trip_loop(void *arg) {
	(void)arg;
	uv_run(&other, UV_RUN_DEFAULT);
}

static int by_size(const void *a, const void *b) {
	long long x = *(const long long *)a, y = *(const long long *)b;
	return (x > y) - (x < y);
}

static void run(void (*thread_main)(void *), int count) {
	uv_thread_t thread;
	long long cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
	check(uv_thread_create(&thread, thread_main, NULL), "uv_thread_create");
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	uv_thread_join(&thread);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("{\"rate\": %f, \"CPU\": %f}\n", count * 1e9 / wall, (double)cpu / count);
}

int main(int argc, char **argv) {
	const char *mode = argc == 2 ? argv[1] : "";
	uv_mutex_init(&mutex);
	if (!strcmp(mode, "async")) {
		check(uv_async_init(uv_default_loop(), &here, async_called), "uv_async_init");
		run(async_sender, callbacks);
	} else if (!strcmp(mode, "queue")) {
		check(uv_async_init(uv_default_loop(), &here, queue_called), "uv_async_init");
		run(queue_sender, messages);
		if (sum != messages * (messages - 1ULL) / 2) check(UV_UNKNOWN, "a message was lost");
	} else if (!strcmp(mode, "trip")) {
		uv_thread_t thread;
		uv_loop_init(&other);
		check(uv_async_init(uv_default_loop(), &here, trip_back), "uv_async_init");
		check(uv_async_init(&other, &there, trip_called), "uv_async_init");
		check(uv_thread_create(&thread, trip_loop, NULL), "uv_thread_create");
		sent_at = now_ns(CLOCK_MONOTONIC);
		check(uv_async_send(&there), "uv_async_send");
		uv_run(uv_default_loop(), UV_RUN_DEFAULT);
		qsort(took, trips, sizeof *took, by_size);
		printf("{\"p50\": %f, \"p99\": %f}\n", took[trips / 2] / 1e3, took[trips / 100 * 99] / 1e3);
	} else {
		fprintf(stderr, "usage: uvpost async|queue|trip\n");
		return 2;
	}
	return 0;
}
