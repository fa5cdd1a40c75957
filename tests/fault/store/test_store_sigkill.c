/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/store/whole.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* The child's life: cycle after cycle, telling of each accept that returned. */
static int cycles_until_killed(int told)
{
	struct stored_floor stored = {0};
	int64_t id = 0;

	if (lp_db_open(path, LP_DB_WRITE, &db, &err) != LP_OK)
		return 1;
	enum lp_code code = lp_floor_get(db, "site", &stored, &err);
	if (code != LP_OK && code != LP_NOT_FOUND)
		return 1;
	for (int64_t n = stored.counter + 1;; n++) {
		for (unsigned step = 0; step < STEPS; step++) {
			if (do_step(step, (unsigned)n, &id) != LP_OK)
				return 1;
			if (step == 0 && write(told, &n, sizeof(n)) != sizeof(n))
				return 1;
		}
	}
}

/* Returns the last accept that the child told of, 0 none. */
static int64_t kill_a_child_after(unsigned microseconds)
{
	int64_t n, last = 0;
	int pipe_fds[2], status;

	CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		int result = cycles_until_killed(pipe_fds[1]);
		printf("the child failed: %s\n", err.msg);
		fflush(stdout);
		_exit(result);
	}
	CHECK(pid > 0);
	close(pipe_fds[1]);
	usleep(microseconds);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	while (read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	close(pipe_fds[0]);
	return last;
}

/* limpet status between a crash and the next start must see what that start will see. */
static int64_t counter_by_a_look(void)
{
	struct stored_floor stored = {0};
	enum lp_code code = lp_db_open(path, LP_DB_READ, &db, &err);

	if (code == LP_NOT_FOUND || code == LP_CONFIG) /* killed before its tables were there */
		return 0;
	CHECK(code == LP_OK);
	code = lp_floor_get(db, "site", &stored, &err);
	CHECK(code == LP_OK || code == LP_NOT_FOUND);
	lp_db_close(&db);
	return stored.counter;
}

static void killed_at_any_moment_the_store_is_whole(void)
{
	const char *long_run = getenv("LIMPET_LONG");
	int rounds = long_run && *long_run ? 200 : 50;
	unsigned seed = 20261121;
	int64_t before = 0, accepted = 0, told_in_all = 0;

	start_empty();
	for (int round = 0; round < rounds; round++) {
		int64_t told = kill_a_child_after((unsigned)rand_r(&seed) % 60000);
		int64_t seen = counter_by_a_look();
		CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
		accepted = the_store_is_whole();
		CHECK(accepted == seen);
		int64_t least = told ? told : before;
		CHECK(accepted == least || accepted == least + 1);
		told_in_all += told != 0;
		before = accepted;
		lp_db_close(&db);
	}
	printf("  %d kills, %ld accepted revisions, %ld kills after at least one\n", rounds,
	       (long)accepted, (long)told_in_all);
	CHECK(told_in_all > rounds / 4);
}

static void killed_while_it_is_made_the_database_is_made_by_the_next(void)
{
	unsigned seed = 7;

	for (int round = 0; round < 20; round++) {
		start_empty();
		kill_a_child_after((unsigned)rand_r(&seed) % 8000);
		counter_by_a_look();
		CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
		the_store_is_whole();
	}
}

int main(void)
{
	TEST(killed_at_any_moment_the_store_is_whole);
	TEST(killed_while_it_is_made_the_database_is_made_by_the_next);
	remove_folder();
	return check_report();
}
