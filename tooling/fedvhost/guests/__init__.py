"""Test hosts: kernels, images, command lines of qemu, and the run of one machine from boot to its end."""
