# SPDX-License-Identifier: Apache-2.0
# Parser and emitter; configure would only find out the version.
source "$CROSS/recipes/common.sh"
archive libyaml.a -Iinclude -DYAML_VERSION_STRING='"0.2.5"' -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 \
	-DYAML_VERSION_PATCH=5 -- src/*.c
headers include/yaml.h
