typedef int placeholder_journal;
