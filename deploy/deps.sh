#!/usr/bin/env bash
# deps.sh: everything that Parley is built from, on Debian 12 and 13 and Ubuntu 24.04.
#
#   deps.sh [GROUP...]     install the groups of packages.txt (default: build run), and build
#                          libwebsockets and hiredis where the distribution's are too old
#   deps.sh --prefix       print where those are, or will be
#   deps.sh --libraries PROGRAM   print the packages whose shared libraries PROGRAM loads
#
# A second run finds everything in place and takes less than two seconds. Needs root or sudo only
# when something is missing. The sources come from the mirror that this machine's apt already
# names, through an apt configuration of our own, so that the user's is left alone; every file is
# checked against deps.sources or the archive's signed index.
# PARLEY_CACHE: where builds are kept (default: ~/.cache/parley).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'deps: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else
    command -v sudo >/dev/null || fail "installing packages needs root, or sudo"
    sudo "$@"
  fi
}

# ---- packages --------------------------------------------------------------------------------

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

listed=0
apt_lists() { # once a run, and only when something is to be installed
  ((listed)) && return
  say "apt-get update"
  as_root apt-get -qq -o Acquire::Retries=3 update >&2 || say "some package lists could not be fetched; going on with what is there"
  listed=1
}

# new_enough MODULE>=VERSION PACKAGE: is it installed so, or would apt install it so?
new_enough() {
  local module=${1%%>=*} version=${1##*>=} candidate
  pkg-config --exists "$module >= $version" 2>/dev/null && return
  candidate=$(LC_ALL=C apt-cache policy "$2" | sed -n 's/^ *Candidate: //p')
  if [[ -z $candidate ]]; then
    apt_lists
    candidate=$(LC_ALL=C apt-cache policy "$2" | sed -n 's/^ *Candidate: //p')
  fi
  [[ -n $candidate && $candidate != "(none)" ]] && dpkg --compare-versions "$candidate" ge "$version"
}

from_source=0
missing_packages() { # missing_packages GROUP...: sets missing, and from_source where one is too old
  missing=()
  local group package unless
  while read -r group package unless; do
    [[ " $* " == *" $group "* ]] || continue
    if [[ $unless == *'>='* ]]; then
      if have_prefix || ! new_enough "$unless" "$package"; then
        from_source=1
        continue
      fi
    elif [[ -n $unless ]] && command -v "$unless" >/dev/null; then
      continue
    fi
    installed "$package" || missing+=("$package")
  done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/packages.txt")
}

install_groups() {
  missing_packages "$@"
  ((${#missing[@]})) || return 0
  apt_lists
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
    --no-install-recommends install "${missing[@]}" >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get could not install them"; }
  rm -f "$log"
}

# ---- libwebsockets and hiredis from source ---------------------------------------------------

mirror() { # the Debian archive in this machine's apt sources
  {
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' /etc/apt/sources.list.d/*.sources
    sed -nE 's/^deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+)[[:space:]].*/\3/p' \
      /etc/apt/sources.list /etc/apt/sources.list.d/*.list
  } 2>/dev/null | grep -E '/debian/?$' | head -n 1 || true
}

private_apt() { # apt-get with lists, cache and configuration of our own, under $work/apt
  apt-get -qq -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts="$work/apt/none" \
    -o Dir::Etc::preferences="$work/apt/empty" -o Dir::Etc::preferencesparts="$work/apt/none" \
    -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/empty" -o Dir::Cache="$work/apt/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

private_apt_lists() {
  local archive suite key=/usr/share/keyrings/debian-archive-keyring.gpg
  archive=$(mirror)
  [[ -n $archive ]] || fail "this machine's apt names no Debian archive to take newer sources from"
  suite=$(sed -n 's/^suite //p' "$here/deps.sources")
  mkdir -p "$work"/apt/{none,state/lists/partial,cache/archives/partial}
  : >"$work/apt/empty"
  echo "deb-src [signed-by=$key] $archive $suite main" >"$work/apt/sources.list"
  private_apt update >&2
}

# wanted_files PACKAGE: "SHA-256  file" of its tarballs. What deps.sources pins must be as pinned;
# a newer Debian revision of a pinned upstream version is as the signed index says.
wanted_files() {
  local sum file pinned
  private_apt --print-uris --only-source source "$1" |
    sed -nE "s/^'[^']*' ([^ ]+) [0-9]+ SHA256:([0-9a-f]+).*/\2  \1/p" |
    grep -E '\.(orig|debian)\.tar\.' |
    while read -r sum file; do
      pinned=$(awk -v file="$file" '$2 == file { print $1 }' "$here/deps.sources")
      if [[ -z $pinned && $file == *.orig.tar.* ]]; then
        fail "$file is a version that deps.sources does not know"
      fi
      [[ -n $pinned ]] || say "$file is newer than deps.sources; the signed index vouches for it"
      printf '%s  %s\n' "${pinned:-$sum}" "$file"
    done
}

unpack() { # unpack PACKAGE: its patched tree in $work/PACKAGE
  local package=$1 orig debian
  wanted_files "$package" >"$package.sums"
  [[ $(wc -l <"$package.sums") == 2 ]] || fail "$package: the archive's index does not list its two tarballs"
  # A mirror may lack the .dsc, which makes apt fail after the tarballs came; the sums decide.
  private_apt --download-only --only-source source "$package" >"$package.download" 2>&1 || true
  sha256sum --quiet -c "$package.sums" >&2 || {
    cat "$package.download" >&2
    fail "$package: what came is not what was asked for"
  }
  orig=$(awk '/\.orig\.tar/ { print $2 }' "$package.sums")
  debian=$(awk '/\.debian\.tar/ { print $2 }' "$package.sums")
  mkdir "$package"
  tar -C "$package" --strip-components=1 -xf "$orig"
  tar -C "$package" -xf "$debian"
  [[ -e $package/debian/patches/series ]] || return 0
  sed -E '/^(#|$)/d; s/ .*//' "$package/debian/patches/series" | while read -r patch; do
    patch -d "$package" -p1 -s <"$package/debian/patches/$patch"
  done
}

flags="-O2 -g -fno-omit-frame-pointer -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"

build_libwebsockets() {
  local off on option
  # The event loop is ours (event_lib_custom), and so is TLS. What it has for that and for clients
  # costs each connection 370 bytes; without extensions it would not look for reserved bits. Static
  # linking would ask for libcap otherwise.
  off="LWS_WITH_SHARED LWS_WITH_PLUGINS LWS_WITH_EVLIB_PLUGINS LWS_WITH_LIBEV LWS_WITH_LIBUV LWS_WITH_GLIB
    LWS_WITHOUT_EXTENSIONS LWS_WITH_SSL LWS_WITH_CONMON LWS_WITH_HTTP2 LWS_ROLE_RAW_PROXY LWS_WITH_MINIMAL_EXAMPLES
    LWS_WITH_SECURE_STREAMS LWS_WITH_SYS_SMD LWS_WITH_SYS_ASYNC_DNS LWS_WITH_SYS_NTPCLIENT
    LWS_WITH_SYS_DHCP_CLIENT LWS_WITH_CBOR LWS_WITH_COSE LWS_WITH_DIR LWS_WITH_CACHE_NSCOOKIEJAR
    LWS_WITH_SYS_FAULT_INJECTION LWS_WITH_HTTP_BASIC_AUTH LWS_WITH_TLS_JIT_TRUST LWS_WITH_UPNG
    LWS_WITH_GZINFLATE LWS_WITH_JPEG LWS_WITH_DLO LWS_WITH_MNL LWS_HAVE_SYS_CAPABILITY_H LWS_HAVE_LIBCAP"
  on="LWS_WITH_STATIC LWS_STATIC_PIC LWS_WITHOUT_TESTAPPS LWS_WITHOUT_DAEMONIZE LWS_WITH_LIBEVENT
    LWS_WITHOUT_CLIENT LWS_WITH_ZLIB LWS_IPV6 LWS_UNIX_SOCK LWS_WITH_LWSAC
    LWS_WITH_LEJP DISABLE_WERROR"
  local options=(-DLWS_MAX_SMP=1)
  for option in $off; do options+=("-D$option=OFF"); done
  for option in $on; do options+=("-D$option=ON"); done
  # Without NDEBUG it looks through all of its connections at each one that comes or goes.
  cmake -S libwebsockets -B lws-build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG "${options[@]}"
  cmake --build lws-build
  cmake --install lws-build --prefix "$work/prefix"
}

build_hiredis() {
  make -C hiredis -j"$(nproc)" static USE_SSL=1 OPTIMIZATION="$flags"
  mkdir -p "$work/prefix/include/hiredis/adapters" "$work/prefix/lib"
  cp hiredis/{hiredis,hiredis_ssl,async,read,sds,alloc,sockcompat}.h "$work/prefix/include/hiredis/"
  cp hiredis/adapters/libevent.h "$work/prefix/include/hiredis/adapters/"
  cp hiredis/libhiredis.a hiredis/libhiredis_ssl.a "$work/prefix/lib/"
}

logged() { # logged FUNCTION: what it prints goes to a file, whose end is shown when it fails
  local status=0
  set +e # in `… || …` the function itself would go on after a failure
  (set -e; "$@") >"$work/$1.log" 2>&1
  status=$?
  set -e
  ((status == 0)) || { tail -n 30 "$work/$1.log" >&2; fail "$1 failed"; }
}

# The name of the folder says what is in it: recipe, pins, distribution and machine.
prefix_key() {
  { declare -f build_libwebsockets build_hiredis; echo "$flags"; cat "$here/deps.sources"; sed -nE '/^(ID|VERSION_ID)=/p' /etc/os-release; uname -m; } |
    sha256sum | cut -c1-16
}

cache=${PARLEY_CACHE:-}
if [[ -z $cache ]]; then
  cache=${HOME:+$HOME/.cache/parley}
  { [[ -n $cache ]] && mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]]; } || cache=$(dirname "$here")/.cache
fi
prefix=$cache/deps/$(prefix_key)

have_prefix() { [[ -e $prefix/complete ]]; }

build_prefix() {
  mkdir -p "$cache/deps"
  exec 9>"$cache/deps/lock"
  flock 9 # of two runs at once, one builds
  have_prefix && return
  install_groups source
  work=$(mktemp -d "$cache/deps/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  say "building libwebsockets and hiredis (once; kept in $prefix)"
  private_apt_lists
  unpack libwebsockets
  unpack hiredis
  logged build_libwebsockets
  logged build_hiredis
  touch "$work/prefix/complete"
  rm -rf "$prefix"
  mv "$work/prefix" "$prefix"
}

case ${1:-} in
  --prefix) echo "$prefix" ;;
  --libraries)
    # ldd names the file as the loader finds it; dpkg may know it by the path without /usr.
    ldd "$2" | sed -nE 's/.*=> (\/[^ ]+).*/\1/p' | while read -r library; do
      real=$(readlink -f "$library")
      dpkg -S "$real" 2>/dev/null || dpkg -S "${real#/usr}"
    done | sed 's/:.*//' | sort -u
    ;;
  -*) fail "usage: deps.sh [GROUP...] | --prefix | --libraries PROGRAM" ;;
  *)
    (($#)) || set -- build run
    install_groups "$@"
    if ((from_source)) && ! have_prefix; then build_prefix; fi
    ;;
esac
