"""Where bytes come from: an S3 bucket, or a folder laid out like one."""
