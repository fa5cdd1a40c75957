/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/fetched.h"
#include "tests/unit/check.h"
#include "tests/unit/longest.h"

static struct fetch_request request;
static struct fetched fetched;

static void put_request(struct wire_writer *w)
{
	lp_fetch_request_put(w, &request);
}

static void take_request(struct wire_reader *r)
{
	struct fetch_request taken;

	lp_fetch_request_take(r, &taken);
}

static void put_fetched(struct wire_writer *w)
{
	lp_fetched_put(w, &fetched);
}

static void take_fetched(struct wire_reader *r)
{
	struct fetched taken;

	lp_fetched_take(r, &taken);
}

static void a_text_of_one_byte_too_many_is_refused(void)
{
	static const struct text_field of_request[] = {
		TEXT_FIELD(fetch_request, source, LP_SOURCE_NAME_MAX),
		TEXT_FIELD(fetch_request, url, LP_URL_MAX),
		TEXT_FIELD(fetch_request, ref, LP_REF_MAX),
		TEXT_FIELD(fetch_request, ca_file, LP_PATH_MAX),
		TEXT_FIELD(fetch_request, credentials_file, LP_PATH_MAX),
		TEXT_FIELD(fetch_request, objects, LP_PATH_MAX),
	};
	static const struct text_field of_fetched[] = {
		TEXT_FIELD(fetched, source, LP_SOURCE_NAME_MAX),
		TEXT_FIELD(fetched, quarantine, LP_PATH_MAX),
	};
	const struct text_message to = {(char *)&request, put_request, take_request};
	const struct text_message from = {(char *)&fetched, put_fetched, take_fetched};

	check_longest(&to, of_request, sizeof(of_request) / sizeof(of_request[0]));
	check_longest(&from, of_fetched, sizeof(of_fetched) / sizeof(of_fetched[0]));
}

int main(void)
{
	TEST(a_text_of_one_byte_too_many_is_refused);
	return check_report();
}
