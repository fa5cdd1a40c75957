# SPDX-License-Identifier: Apache-2.0
# cmake -D FOLDER=store/sql -D OUT=migrations.c -P embed.cmake
# Writes the numbered files of FOLDER, in order, as the table lp_migrations.
file(GLOB files ${FOLDER}/*.sql)
list(SORT files)
set(table "")
set(number 0)
foreach(file IN LISTS files)
	math(EXPR number "${number} + 1")
	get_filename_component(name ${file} NAME)
	if(NOT name MATCHES "^0*${number}_")
		message(FATAL_ERROR "${name}: migrations are numbered without a gap; ${number} is next")
	endif()
	file(READ ${file} text)
	string(REPLACE "\\" "\\\\" text "${text}")
	string(REPLACE "\"" "\\\"" text "${text}")
	string(REPLACE "\n" "\\n\"\n\t \"" text "${text}")
	string(APPEND table "\t{\"${name}\",\n\t \"${text}\"},\n")
endforeach()
file(WRITE ${OUT} "/* Generated from store/sql by store/embed.cmake. */
#include \"store/migrate.h\"

const struct migration lp_migrations[] = {
${table}};
const int lp_migrations_count = ${number};
")
