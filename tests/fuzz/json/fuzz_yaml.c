/* SPDX-License-Identifier: Apache-2.0 */
/* What is read is written as YAML, and read again to be the same. */
#include "platform/limits.h"
#include "platform/yaml.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_back(const struct jval *v)
{
	LP_AUTO(lp_buf_free) struct buf yaml = LP_BUF(16 * LP_MIB);
	LP_AUTO(lp_buf_free) struct buf want = LP_BUF(16 * LP_MIB);
	LP_AUTO(lp_buf_free) struct buf have = LP_BUF(16 * LP_MIB);
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
	struct err err = {0};
	bool more = false;

	if (lp_json_canonical(v, &want, &err) != LP_OK || lp_yaml_write(v, &yaml, &err) != LP_OK ||
	    lp_yaml_open(yaml.data, yaml.len, "again", &stream, &err) != LP_OK ||
	    lp_yaml_next(stream, 16 * LP_MIB, &doc, &more, &err) != LP_OK ||
	    lp_json_canonical(lp_json_root(doc.json), &have, &err) != LP_OK ||
	    !lp_slice_equal(LP_SLICE_OF(&have), LP_SLICE_OF(&want))) {
		fprintf(stderr, "%s\nwritten:\n%s\nwant: %s\nhave: %s\n", err.msg,
			lp_buf_text(&yaml), lp_buf_text(&want), lp_buf_text(&have));
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	struct err err;
	bool more = true;

	if (lp_yaml_open(data, size, "fuzz", &stream, &err) != LP_OK)
		return 0;
	while (more) {
		LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
		if (lp_yaml_next(stream, 4 * LP_MIB, &doc, &more, &err) != LP_OK || !more)
			return 0;
		const struct jval *root = lp_json_root(doc.json);
		if (lp_yaml_line(&doc, root) == 0)
			abort();
		if (root)
			reads_back(root);
	}
	return 0;
}
