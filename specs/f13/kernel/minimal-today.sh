#!/bin/sh
# minimal-today.sh TREE          make a kernel tree of 2010 ready for a compiler of today
# minimal-today.sh --cflags      what gcc has to be told for it
# minimal-today.sh --hostcflags  the same for the programs that run while it is built
#
# Only for `--with minimal`. Every change is a pattern; one that finds nothing to change
# is an error, since the kernel would then not build, or worse, build and not run.
set -e

case $1 in
--cflags)
    # inline and tentative definitions meant something else before gcc 5 and gcc 10
    flags="-std=gnu89 -fcommon"
    # distributions have gcc do these unasked
    flags="$flags -fno-pie -fcf-protection=none -fno-asynchronous-unwind-tables -fno-stack-protector"
    # the kernel relies on it, and its probe for the flag may fail
    flags="$flags -fno-strict-overflow"
    # the decompressor runs before these registers may be used; nothing else wants them
    echo "$flags -mno-sse -mno-mmx"
    exit ;;
--hostcflags)
    echo "-O1 -std=gnu89 -fcommon"
    exit ;;
esac
tree=${1:?say which tree}

# edit FILE PATTERN SED-COMMANDS
edit()
{
    if ! grep -Eq "$2" "$tree/$1"; then
        echo "$0: $1: nothing here reads $2" >&2
        exit 1
    fi
    sed -i -E "$3" "$tree/$1"
}

# There is one header a major version of gcc, and 4 was the newest.
header=$tree/include/linux/compiler-gcc$(gcc -dumpversion | cut -d. -f1).h
[ -f "$header" ] || echo '#include <linux/compiler-gcc4.h>' > "$header"

# perl 5.22 took defined(@array) away; an array in a condition says the same.
edit kernel/timeconst.pl 'defined\(@' 's/defined\((@\w+)\)/\1/g'

# The vdso is linked by gcc, which no longer hands the linker's -m through.
edit arch/x86/vdso/Makefile '^VDSO_LDFLAGS.*-m elf_' \
    '/^VDSO_LDFLAGS/{s/-m elf_x86_64/-m64/; s/-m elf_i386/-m32/}'

# Calls are R_X86_64_PLT32 since binutils 2.31; in a kernel that is the same as PC32.
edit arch/x86/kernel/module.c 'case R_X86_64_PC32:' \
    's/^([[:space:]]*)case R_X86_64_PC32:/\1case R_X86_64_PLT32:\n&/'
