typedef int placeholder_sysctl;
