# What tests/run and examples/run share: the Debian packages, how many jobs fit, and configuring a flavour of the build.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
mkdir -p build/logs

packages_to_build='g++ cmake ninja-build libboost1.81-dev libssl-dev nlohmann-json3-dev libnghttp2-dev libgtest-dev libgmock-dev'
packages_to_run='ca-certificates'
packages_to_test='clang-16 libclang-rt-16-dev clang-format-16 libbenchmark-dev ccache openssl nginx-light tinyproxy-bin microsocks python3 valgrind'

# Installs what is missing of the given packages: as root or with sudo, and says so first. Without either it prints the
# line to type and exits 2. On another system than Debian 12 the names differ: CMake reports what it lacks.
need_packages() {
    local id='' VERSION_ID='' package missing=() sudo=()
    if [[ -r /etc/os-release ]]; then
        id=$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")
    fi
    if [[ $id != debian12 ]] || ! command -v dpkg-query >/dev/null; then
        echo "This is not Debian 12: taking it that the counterparts of these are installed: $*"
        return
    fi
    for package in "$@"; do
        if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    if ((${#missing[@]} == 0)); then return; fi

    local install="apt-get install -y --no-install-recommends ${missing[*]}"
    if ((EUID != 0)); then
        # Asking for a password takes somebody to type it.
        if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; }; then
            printf 'Packages are missing, and this is neither root nor sudo. Type this as root, and start again:\n  %s\n' \
                "apt-get update && $install"
            exit 2
        fi
        sudo=(sudo)
    fi
    echo "Installing Debian packages${sudo[*]:+ with sudo}: ${missing[*]}"
    local log=$root/build/logs/packages.log
    # shellcheck disable=SC2086 # the line above is meant to be split
    if ! { "${sudo[@]}" apt-get update && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log"
        printf 'Installing failed. Type this as root, and start again:\n  %s\n' "apt-get update && $install"
        exit 2
    fi
}

# As many compilers at once as there are cores, and no more than memory holds at 2 GB each.
jobs_that_fit() {
    local cores memory_kb
    cores=$(nproc)
    memory_kb=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
    local fitting=$((memory_kb / 2000000))
    ((fitting >= 1)) || fitting=1
    echo $((cores < fitting ? cores : fitting))
}

# The flavours of the build, each in build/NAME. Both compilers look for undefined behaviour: g++ leaves null, misaligned
# and overflowing pointers and objects of another type to clang, which is quicker at compiling these checks (see
# CMakeLists.txt). Debian's binutils have two linkers, of which gold takes half the time.
# g++ collects its garbage later than it would: giving memory back and taking it again costs it a third of its time.
gnu='-DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS=--param=ggc-min-heapsize=1000000'
only_tests='-DCHORUS_BUILD_EXAMPLES=OFF -DCHORUS_BUILD_BENCHMARKS=OFF'
if command -v ld.gold >/dev/null; then only_tests+=' -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=gold'; fi
declare -A flavours=(
    [asan]="$gnu -DCHORUS_SANITIZE=address,undefined $only_tests"
    [tsan]="$gnu -DCHORUS_SANITIZE=thread $only_tests"
    [clang]="-DCMAKE_CXX_COMPILER=clang++-16 -DCHORUS_SANITIZE=undefined $only_tests"
    [fuzz]="-DCMAKE_CXX_COMPILER=clang++-16 -DCHORUS_SANITIZE=address,undefined,fuzzer-no-link -DCHORUS_FUZZ=ON $only_tests"
    [release]="$gnu -DCMAKE_BUILD_TYPE=Release -DCHORUS_BUILD_TESTS=OFF"
)

# The CMake option that takes objects from ccache, where there is one: base_dir lets other clones share them, and the
# sloppiness is what it asks for to work with precompiled headers. Depend mode compares the headers byte by byte; the
# preprocessor mode would take a precompiled header made before a comment changed, and g++ knows a header that says
# `#pragma once` by its bytes, so it would read the changed one a second time.
launcher() {
    if command -v ccache >/dev/null; then
        echo "-DCMAKE_CXX_COMPILER_LAUNCHER=env;CCACHE_BASEDIR=$root;CCACHE_NOHASHDIR=1;CCACHE_DEPEND=1;CCACHE_PCH_EXTSUM=1;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
    else
        echo '-UCMAKE_CXX_COMPILER_LAUNCHER'
    fi
}

# Configures build/NAME; a second's work when nothing has changed.
configure() { # NAME
    # shellcheck disable=SC2086 # a list of options without blanks
    cmake -S . -B "build/$1" -G Ninja ${flavours[$1]} "$(launcher)"
}

build() { # NAME TARGET...
    cmake --build "build/$1" --parallel "$(jobs_that_fit)" --target "${@:2}"
}
