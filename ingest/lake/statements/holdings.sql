-- What verify gathers: rows of each object in each table, the objects that the guards name, and what expired until when.
create temp table held ("table" varchar, log_object varchar, rows bigint, repeated bigint);
create temp table guarded ("table" varchar, key varchar);
create temp table expired ("table" varchar, before date);
