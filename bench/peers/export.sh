#!/bin/sh
# export.sh URL PAGES FILE: what one writes without a client.
set -eu
: >"$3"
page=1
while [ "$page" -le "$2" ]; do
	curl -sf -H "x-api-key: $OKCHAT_API_KEY" "$1?page=$page&limit=100" | jq -c '.data[]' >>"$3"
	page=$((page + 1))
done
