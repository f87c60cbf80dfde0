/*
 * What the server itself holds a plugin's transaction to, whatever the plugin's SQL does and whatever we overlooked when
 * we read it. `open_migration` is the first statement of such a transaction and leaves a row in `unrecorded`; using the
 * pass takes that row away; a deferred trigger lets no transaction commit that still has it. So a COMMIT that the plugin
 * smuggled in undoes what came before it, and a pass is of no use in any other transaction than the one that was opened.
 *
 * `assert_confined` looks, before the record is written, at everything that the plugin's role has in this database: all
 * of it lies in the plugin's schema, and can be read and dropped by the store.
 */

/** SQLSTATEs of the guard, beside those of the pass. */
export const GUARD_STATES = { unrecorded: 'CT003', unconfined: 'CT004' } as const

/** The functions that a plugin's role is lent, beside those of the pass. */
export const GUARD_FUNCTIONS = 'catalyst.open_migration(text, text)'

const AS_US = 'LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp'

/** An entry of our schema's versions. */
export const GUARD = `
  CREATE TABLE catalyst.unrecorded (xid xid8 PRIMARY KEY, plugin text COLLATE "C" NOT NULL);

  CREATE FUNCTION catalyst.open_migration(pass text, for_plugin text) RETURNS text ${AS_US} AS $body$
    BEGIN
      INSERT INTO catalyst.unrecorded SELECT pg_current_xact_id(), p.plugin FROM catalyst.passes p
        WHERE p.plugin = for_plugin AND p.role = session_user AND p.digest = encode(sha256(convert_to(pass, 'UTF8')), 'hex');
      IF NOT FOUND THEN RAISE EXCEPTION 'no such pass for %', for_plugin USING ERRCODE = 'CT002'; END IF;
      RETURN pg_current_xact_id()::text;
    END $body$;

  CREATE FUNCTION catalyst.refuse_unrecorded() RETURNS trigger ${AS_US} AS $body$
    BEGIN
      IF EXISTS (SELECT FROM catalyst.unrecorded u WHERE u.xid = NEW.xid) THEN
        RAISE EXCEPTION 'the migration of % ended its transaction before it was recorded', NEW.plugin USING ERRCODE = '${GUARD_STATES.unrecorded}';
      END IF;
      RETURN NULL;
    END $body$;
  CREATE CONSTRAINT TRIGGER unrecorded AFTER INSERT ON catalyst.unrecorded DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalyst.refuse_unrecorded();

  CREATE FUNCTION catalyst.assert_confined(own text) RETURNS void ${AS_US} AS $body$
    DECLARE
      me oid := (SELECT oid FROM pg_roles WHERE rolname = session_user);
      space oid := to_regnamespace(own);
      found text;
    BEGIN
      WITH wrong (what) AS (
        SELECT i.type || ' ' || i.identity || ' lies outside of schema ' || own
          FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
          WHERE d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
            AND d.refclassid = 'pg_authid'::regclass AND d.refobjid = me AND d.deptype = 'o' AND i.schema IS DISTINCT FROM own
        UNION ALL
        SELECT 'a cast from ' || format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL)
          FROM pg_cast c JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget) WHERE t.typnamespace = space
        UNION ALL
        SELECT c.relname || ' hides rows from its owner' FROM pg_class c WHERE c.relnamespace = space AND c.relforcerowsecurity
        UNION ALL
        SELECT c.relname || ' may not be read by its owner' FROM pg_class c
          WHERE c.relnamespace = space AND c.relkind IN ('r', 'p', 'm', 'S') AND c.relowner = me AND NOT has_table_privilege(me, c.oid, 'SELECT')
        UNION ALL
        SELECT 'a setting of the role: ' || s.value FROM pg_db_role_setting r CROSS JOIN LATERAL unnest(r.setconfig) AS s (value)
          WHERE r.setrole = me AND s.value NOT LIKE 'temp_file_limit=%'
        UNION ALL
        SELECT 'a membership of ' || m.member::regrole || ' in ' || m.roleid::regrole FROM pg_auth_members m WHERE m.grantor = me OR m.member = me
      )
      SELECT string_agg(what, '; ') INTO found FROM (SELECT what FROM wrong ORDER BY what LIMIT 5) AS first;
      IF found IS NOT NULL THEN RAISE EXCEPTION '%', left(found, 1000) USING ERRCODE = '${GUARD_STATES.unconfined}'; END IF;
    END $body$;

  CREATE OR REPLACE FUNCTION catalyst.use_pass(pass text, for_plugin text) RETURNS void ${AS_US} AS $body$
    DECLARE fence bigint;
    BEGIN
      DELETE FROM catalyst.unrecorded u WHERE u.xid = pg_current_xact_id() AND u.plugin = for_plugin;
      IF NOT FOUND THEN RAISE EXCEPTION 'no migration of % is open in this transaction', for_plugin USING ERRCODE = 'CT002'; END IF;
      PERFORM catalyst.assert_confined('plg_' || replace(for_plugin, '-', '_'));
      PERFORM 1 FROM catalyst.state FOR UPDATE;
      DELETE FROM catalyst.passes p
        WHERE p.plugin = for_plugin AND p.role = session_user AND p.digest = encode(sha256(convert_to(pass, 'UTF8')), 'hex')
        RETURNING p.token INTO fence;
      IF fence IS NULL THEN RAISE EXCEPTION 'no such pass for %', for_plugin USING ERRCODE = 'CT002'; END IF;
      UPDATE catalyst.state SET serial = serial + 1 WHERE EXISTS (SELECT 1 FROM catalyst.lease l WHERE l.token = fence);
      IF NOT FOUND THEN RAISE EXCEPTION 'the lease with token % was taken away', fence USING ERRCODE = 'CT001'; END IF;
    END $body$;

  REVOKE ALL ON FUNCTION catalyst.open_migration(text, text), catalyst.refuse_unrecorded(), catalyst.assert_confined(text) FROM PUBLIC;
`
