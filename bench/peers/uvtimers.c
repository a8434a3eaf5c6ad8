// uvtimers: with 1,000,000 timers of libuv armed, what it costs to start, restart, stop and fire one, in ns of CPU.
#include "solo.h"
#include "uvserver.h"

#include <unistd.h>

enum { timers = 1000000, fire_after = 1500, fire_within = 200 }; // ms

static uv_timer_t timer[timers], *shuffled[timers];
static int fired;

static void on_fire(uv_timer_t *t) {
	(void)t;
	fired++;
}

static double each(long long since) { return (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - since) / timers; }

static void start(uv_timer_t *t, uint64_t ms) { check(uv_timer_start(t, on_fire, ms, 0), "uv_timer_start"); }

static void shuffle(void) {
	for (int i = 0; i < timers; i++) shuffled[i] = &timer[i];
	for (int i = 0; i < timers; i++) {
		int k = random_next() % timers;
		uv_timer_t *t = shuffled[i];
		shuffled[i] = shuffled[k];
		shuffled[k] = t;
	}
}

int main(void) {
	uv_loop_t *loop = uv_default_loop();
	long long at;
	for (int i = 0; i < timers; i++) uv_timer_init(loop, &timer[i]);
	shuffle();

	at = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < timers; i++) start(&timer[i], 10000 + random_next() % 60000);
	double started = each(at);

	at = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < timers; i++) start(shuffled[i], 10000 + random_next() % 60000);
	double restarted = each(at);

	at = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < timers; i++) uv_timer_stop(shuffled[i]);
	double stopped = each(at);

	uv_update_time(loop);
	for (int i = 0; i < timers; i++) start(&timer[i], fire_after + random_next() % fire_within);
	usleep((fire_after + fire_within) * 1000); // all are due, in any order
	at = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	check(uv_run(loop, UV_RUN_DEFAULT), "uv_run");
	if (fired != timers) check(UV_UNKNOWN, "a timer did not fire");
	printf("{\"start\": %f, \"restart\": %f, \"stop\": %f, \"fire\": %f}\n", started, restarted, stopped, each(at));
	return 0;
}
