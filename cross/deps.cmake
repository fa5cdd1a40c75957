# SPDX-License-Identifier: Apache-2.0
# The libraries as targets: dep::zlib dep::mbedtls dep::nghttp2 dep::curl dep::git2 dep::yaml dep::yyjson dep::sodium
# dep::sqlite. Each brings its headers, definitions and everything it must be linked with.
#
#   LIMPET_TARGET  host, x86_64, arm64 or armhf: built by cross/build into the cache, at the first configure
#   LIMPET_DEPS    locked (default), or system: the distribution's libraries, by pkg-config
#
# Sets LIMPET_DEP_VERSIONS, a list such as libgit2=1.9.0+ds-2+deb13u1, and LIMPET_LICENCES_FILE, the notices of all
# libraries in one text file (empty with LIMPET_DEPS=system: there the distribution carries them).

set(LIMPET_TARGET host CACHE STRING "What the program is built for: host, x86_64, arm64 or armhf")
set_property(CACHE LIMPET_TARGET PROPERTY STRINGS host x86_64 arm64 armhf)
set(LIMPET_DEPS locked CACHE STRING "Which libraries: locked (cross/deps.lock) or system (pkg-config)")
set_property(CACHE LIMPET_DEPS PROPERTY STRINGS locked system)

find_package(Threads REQUIRED)

# limpet_dep(NAME ARCHIVE LINK... DEFINE...): dep::NAME is lib/ARCHIVE in the folder `limpet_deps_dir`
function(limpet_dep name archive)
	cmake_parse_arguments(dep "" "" "LINK;DEFINE" ${ARGN})
	add_library(dep::${name} STATIC IMPORTED GLOBAL)
	set_target_properties(dep::${name} PROPERTIES
		IMPORTED_LOCATION "${limpet_deps_dir}/lib/${archive}"
		INTERFACE_INCLUDE_DIRECTORIES "${limpet_deps_dir}/include"
		INTERFACE_COMPILE_DEFINITIONS "${dep_DEFINE}"
		INTERFACE_LINK_LIBRARIES "${dep_LINK}")
endfunction()

function(limpet_locked_deps)
	execute_process(COMMAND "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/build" --prefix ${LIMPET_TARGET}
		OUTPUT_VARIABLE limpet_deps_dir OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
	if(NOT status EQUAL 0)
		message(FATAL_ERROR "cross/build ${LIMPET_TARGET} failed: its message is above")
	endif()
	# Another recipe or lock gives another folder, so it must be asked again when they change.
	file(GLOB inputs "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/recipes/*")
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${inputs}
		"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/deps.lock" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/lib/targets.py")

	limpet_dep(zlib libz.a)
	limpet_dep(mbedcrypto libmbedcrypto.a)
	limpet_dep(mbedx509 libmbedx509.a LINK dep::mbedcrypto)
	limpet_dep(mbedtls libmbedtls.a LINK dep::mbedx509)
	limpet_dep(nghttp2 libnghttp2.a DEFINE NGHTTP2_STATICLIB)
	limpet_dep(curl libcurl.a DEFINE CURL_STATICLIB LINK dep::nghttp2 dep::mbedtls dep::zlib Threads::Threads)
	limpet_dep(llhttp libllhttp.a)
	limpet_dep(git2 libgit2.a DEFINE GIT_DEPRECATE_HARD LINK dep::llhttp dep::zlib)
	limpet_dep(yaml libyaml.a DEFINE YAML_DECLARE_STATIC)
	limpet_dep(yyjson libyyjson.a)
	limpet_dep(sodium libsodium.a DEFINE SODIUM_STATIC=1)
	limpet_dep(sqlite libsqlite3.a)

	file(STRINGS "${limpet_deps_dir}/versions.txt" versions)
	set(LIMPET_DEP_VERSIONS "${versions}" PARENT_SCOPE)
	set(LIMPET_LICENCES_FILE "${limpet_deps_dir}/licences.txt" PARENT_SCOPE)
	message(STATUS "Libraries: ${limpet_deps_dir}")
endfunction()

# limpet_system_dep(NAME MODULE MINIMUM MORE...): dep::NAME from pkg-config's MODULE (and MORE modules of the same version)
function(limpet_system_dep name module minimum)
	pkg_check_modules(${name} IMPORTED_TARGET GLOBAL QUIET "${module}>=${minimum}")
	if(NOT ${name}_FOUND)
		pkg_search_module(any_${name} QUIET ${module})
		if(any_${name}_FOUND)
			set(problem "${module} ${any_${name}_VERSION} is too old: ${minimum} or newer is needed")
		else()
			set(problem "${module} is missing: ${minimum} or newer is needed")
		endif()
		set_property(GLOBAL APPEND PROPERTY limpet_dep_problems "${problem}")
		return()
	endif()
	add_library(dep::${name} INTERFACE IMPORTED GLOBAL)
	set_property(TARGET dep::${name} PROPERTY INTERFACE_LINK_LIBRARIES PkgConfig::${name})
	set_property(GLOBAL APPEND PROPERTY limpet_dep_versions "${module}=${${name}_VERSION}")
endfunction()

function(limpet_system_deps)
	find_package(PkgConfig REQUIRED)
	limpet_system_dep(zlib zlib 1.2.11)
	limpet_system_dep(mbedtls mbedtls 3.6.0)
	limpet_system_dep(mbedx509 mbedx509 3.6.0)
	limpet_system_dep(mbedcrypto mbedcrypto 3.6.0)
	limpet_system_dep(nghttp2 libnghttp2 1.52.0)
	limpet_system_dep(curl libcurl 8.12.0)
	limpet_system_dep(git2 libgit2 1.9.0)
	limpet_system_dep(yaml yaml-0.1 0.2.5)
	limpet_system_dep(yyjson yyjson 0.9.0)
	limpet_system_dep(sodium libsodium 1.0.18)
	limpet_system_dep(sqlite sqlite3 3.40.0)

	get_property(problems GLOBAL PROPERTY limpet_dep_problems)
	if(mbedtls_VERSION VERSION_GREATER_EQUAL 4)
		list(APPEND problems "mbedtls ${mbedtls_VERSION} is too new: 3.6 is needed")
	endif()
	if(problems)
		list(JOIN problems "\n  " problems)
		message(FATAL_ERROR "LIMPET_DEPS=system does not fit:\n  ${problems}\n"
			"Leave LIMPET_DEPS away and limpet builds its own.")
	endif()
	target_link_libraries(dep::mbedtls INTERFACE PkgConfig::mbedx509 PkgConfig::mbedcrypto)
	target_link_libraries(dep::curl INTERFACE Threads::Threads)
	pkg_get_variable(features libcurl supported_features)
	foreach(feature HTTP2 SSLS-EXPORT)
		if(NOT " ${features} " MATCHES " ${feature} ")
			message(WARNING "this libcurl was built without ${feature}: polls and watches cost more bytes")
		endif()
	endforeach()

	get_property(versions GLOBAL PROPERTY limpet_dep_versions)
	set(LIMPET_DEP_VERSIONS "${versions}" PARENT_SCOPE)
	set(LIMPET_LICENCES_FILE "" PARENT_SCOPE)
endfunction()

if(NOT LIMPET_TARGET STREQUAL "host" AND NOT CMAKE_TOOLCHAIN_FILE)
	message(FATAL_ERROR "LIMPET_TARGET=${LIMPET_TARGET} needs its compiler: use `cmake --preset release-${LIMPET_TARGET}`, or add "
		"-DCMAKE_TOOLCHAIN_FILE=cross/toolchain.cmake")
endif()
if(LIMPET_DEPS STREQUAL "locked")
	limpet_locked_deps()
elseif(LIMPET_DEPS STREQUAL "system")
	limpet_system_deps()
else()
	message(FATAL_ERROR "LIMPET_DEPS is `${LIMPET_DEPS}`; it can be locked or system")
endif()
