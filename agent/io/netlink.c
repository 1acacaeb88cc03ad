typedef int placeholder_netlink;
