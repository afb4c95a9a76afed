#!/bin/sh
# Write the linker's list of the symbols that these objects export, by the mark that EXPORT_SYMBOL left.
begin='{' end='};'
if [ "$1" = --module ]; then
    shift
    begin='{ global: init_module;' end='local: *; };'
fi
echo "$begin"
nm "$@" | sed -n 's/^.* __ksymtab_\(.*\)$/\1;/p' | sort
# An empty list is an error to the linker; nothing has this name.
echo "__no_symbol_at_all;"
echo "$end"
