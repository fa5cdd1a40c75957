/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/store/faulty.h"
#include "tests/fault/store/whole.h"

#define CYCLES 4 /* enough for retention and a checkpoint */

/* How far the cycles went before something failed. */
struct progress {
	unsigned number, step;
	int64_t accepted; /* that returned LP_OK */
	int64_t id;
};

static enum lp_code open_small(void)
{
	LP_TRY(lp_db_open(path, LP_DB_WRITE, &db, &err));
	/* a checkpoint every few commits, to have failures in the middle of one, too */
	return lp_sql_exec(db, "PRAGMA wal_autocheckpoint = 12", &err);
}

/* Goes on from where p stands; stops at the first error. */
static enum lp_code go_on(struct progress *p)
{
	for (; p->number <= CYCLES; p->number++, p->step = 0) {
		for (; p->step < STEPS; p->step++) {
			LP_TRY(do_step(p->step, p->number, &p->id));
			p->accepted += p->step == 0;
		}
	}
	return LP_OK;
}

static struct progress at_the_start(void)
{
	return (struct progress){.number = 1};
}

static void everything_is_there(void)
{
	CHECK(the_store_is_whole() == CYCLES);
	CHECK(number_of("SELECT count(*) FROM revision") == 3);
	CHECK(number_of("SELECT count(*) FROM refusal") == CYCLES);
	CHECK(number_of("SELECT count(*) FROM inventory") == OBJECTS);
	CHECK(number_of("SELECT count(*) FROM intent") == 0);
	CHECK(number_of("SELECT applied = desired FROM source_state") == 1);
}

/* Fails at change n; false when all was done before it came to that. */
static bool run_into(enum fault_kind kind, long n, struct progress *ret)
{
	start_empty();
	fault_set(kind, n);
	*ret = at_the_start();
	enum lp_code code = open_small();
	if (code == LP_OK)
		code = go_on(ret);
	if (code == LP_OK)
		return fault.failed != 0;
	CHECK(code == LP_TRANSIENT);
	CHECK(fault.failed != 0);
	return true;
}

/* Where p stands by what is stored: an accept that reported an error may be there whole. */
static void look_where_it_stands(struct progress *p)
{
	int64_t accepted = the_store_is_whole();

	CHECK(accepted == p->accepted || (p->step == 0 && accepted == p->accepted + 1));
	if (accepted > p->accepted)
		p->step = 1;
	p->accepted = accepted;
	p->id = newest();
}

static long failures_of(enum fault_kind kind)
{
	struct progress p;
	long n = 1;

	for (; run_into(kind, n, &p); n++) {
		fault_off();
		lp_db_close(&db);
		CHECK_OK(open_small());
		look_where_it_stands(&p);
		CHECK_OK(go_on(&p));
		everything_is_there();
	}
	everything_is_there();
	CHECK(n > 100);
	printf("  %ld changes of the disk, each failed once\n", n - 1);
	return n;
}

static void after_a_full_disk_a_restart_finds_old_or_new(void)
{
	failures_of(FAULT_FULL);
	failures_of(FAULT_FULL_LONG);
}

static void after_an_io_error_a_restart_finds_old_or_new(void)
{
	failures_of(FAULT_IO);
	failures_of(FAULT_IO_LONG);
}

/* The disk has room again: what failed is tried again without a restart. */
static void an_open_store_goes_on_when_the_disk_does(void)
{
	struct progress p;

	for (long n = 1; run_into(FAULT_FULL_LONG, n, &p); n++) {
		fault_off();
		if (!db)
			CHECK_OK(open_small());
		look_where_it_stands(&p);
		CHECK_OK(go_on(&p));
		everything_is_there();
	}
}

static void a_full_disk_and_an_io_error_are_named(void)
{
	struct stored_refusal refusal = {.verdict = "unsigned"};

	fault_off();
	start();
	fault_set(FAULT_FULL_LONG, 1);
	CHECK_CODE(lp_refusal_put(db, "site", &refusal, &err), LP_TRANSIENT,
		   "limpet.db: database or disk is full: No space left on device");
	fault_set(FAULT_IO_LONG, 1);
	CHECK_CODE(lp_refusal_put(db, "site", &refusal, &err), LP_TRANSIENT,
		   "limpet.db: disk I/O error: Input/output error");
	fault_off();
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
}

static void after_a_power_cut_what_was_committed_is_there(void)
{
	const char *long_run = getenv("LIMPET_LONG");
	unsigned seeds = long_run && *long_run ? 50 : 3;
	struct progress p;
	long n, cuts = 0;

	for (unsigned seed = 1; seed <= seeds; seed++) {
		for (n = 1; run_into(FAULT_POWER, n, &p); n++, cuts++) {
			lp_db_close(&db);
			power_cut(seed * 1000003u + (unsigned)n);
			CHECK_OK(open_small());
			look_where_it_stands(&p);
			CHECK_OK(go_on(&p));
			everything_is_there();
		}
		CHECK(n > 100);
	}
	printf("  %ld power cuts\n", cuts);
}

int main(void)
{
	faulty_install();
	TEST(after_a_full_disk_a_restart_finds_old_or_new);
	TEST(after_an_io_error_a_restart_finds_old_or_new);
	TEST(an_open_store_goes_on_when_the_disk_does);
	TEST(a_full_disk_and_an_io_error_are_named);
	TEST(after_a_power_cut_what_was_committed_is_there);
	fault_off();
	remove_folder();
	return check_report();
}
