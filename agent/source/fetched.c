/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/fetched.h"

void lp_fetch_request_put(struct wire_writer *w, const struct fetch_request *request)
{
	lp_wire_put_str(w, request->source);
	lp_wire_put_str(w, request->url);
	lp_wire_put_str(w, request->ref);
	lp_wire_put_str(w, request->ca_file);
	lp_wire_put_str(w, request->credentials_file);
	lp_wire_put_str(w, request->objects);
	lp_wire_put_bytes(w, request->accepted.bytes, sizeof(request->accepted.bytes));
	lp_wire_put_u32(w, request->refused_count);
	for (uint32_t i = 0; i < request->refused_count; i++)
		lp_wire_put_bytes(w, request->refused[i].bytes, LP_OID_BYTES);
	lp_wire_put_u64(w, request->max_pack_bytes);
	lp_wire_put_u64(w, request->max_store_bytes);
	lp_wire_put_i64(w, request->floor_s);
	lp_wire_put_i64(w, request->deadline_ms);
	lp_wire_put_u8(w, request->again);
}

void lp_fetch_request_take(struct wire_reader *r, struct fetch_request *ret)
{
	lp_wire_str(r, ret->source, sizeof(ret->source));
	lp_wire_str(r, ret->url, sizeof(ret->url));
	lp_wire_str(r, ret->ref, sizeof(ret->ref));
	lp_wire_str(r, ret->ca_file, sizeof(ret->ca_file));
	lp_wire_str(r, ret->credentials_file, sizeof(ret->credentials_file));
	lp_wire_str(r, ret->objects, sizeof(ret->objects));
	lp_wire_bytes(r, ret->accepted.bytes, sizeof(ret->accepted.bytes));
	ret->refused_count = lp_wire_u32(r);
	if (ret->refused_count > LP_REFUSALS_KEPT) {
		r->bad = true;
		ret->refused_count = 0;
	}
	for (uint32_t i = 0; i < ret->refused_count; i++)
		lp_wire_bytes(r, ret->refused[i].bytes, LP_OID_BYTES);
	ret->max_pack_bytes = lp_wire_u64(r);
	ret->max_store_bytes = lp_wire_u64(r);
	ret->floor_s = lp_wire_i64(r);
	ret->deadline_ms = lp_wire_i64(r);
	ret->again = lp_wire_u8(r);
}

void lp_fetched_put(struct wire_writer *w, const struct fetched *fetched)
{
	lp_wire_put_str(w, fetched->source);
	lp_wire_put_bytes(w, fetched->tip.bytes, sizeof(fetched->tip.bytes));
	lp_wire_put_u8(w, fetched->unchanged);
	lp_wire_put_u8(w, fetched->ancestry);
	lp_wire_put_u8(w, fetched->cut);
	lp_wire_put_str(w, fetched->quarantine);
	lp_wire_put_str(w, fetched->too_large);
	lp_wire_put_u64(w, fetched->sent_bytes);
	lp_wire_put_u64(w, fetched->received_bytes);
}

void lp_fetched_take(struct wire_reader *r, struct fetched *ret)
{
	lp_wire_str(r, ret->source, sizeof(ret->source));
	lp_wire_bytes(r, ret->tip.bytes, sizeof(ret->tip.bytes));
	ret->unchanged = lp_wire_u8(r);
	ret->ancestry = lp_wire_u8(r);
	ret->cut = lp_wire_u8(r);
	lp_wire_str(r, ret->quarantine, sizeof(ret->quarantine));
	lp_wire_str(r, ret->too_large, sizeof(ret->too_large));
	ret->sent_bytes = lp_wire_u64(r);
	ret->received_bytes = lp_wire_u64(r);
}
