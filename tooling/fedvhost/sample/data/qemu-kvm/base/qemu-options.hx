DEF("h", "-h              show this help\n")

DEF("m", "-m megs         set the guest's memory\n")

DEF("net", "-net nic[,model=type]\n"
    "                create a network card\n")

#ifndef _WIN32
DEF("netdev", "-netdev tap,id=str[,fd=h][,ifname=name][,script=file][,downscript=dfile][,sndbuf=nbytes][,vnet_hdr=on|off]\n"
    "                connect the host's tap device as the other end of a card\n"
    "                use 'fd=h' for a tap that is open already\n"
    "                use vnet_hdr=off to refuse offloads\n")
#endif

DEF("vnc", "-vnc display    show the guest's screen there\n")
