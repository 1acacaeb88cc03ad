typedef int placeholder_link;
