typedef int placeholder_apply;
