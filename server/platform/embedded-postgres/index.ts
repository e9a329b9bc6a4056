export {
  type EmbeddedPostgres,
  type PostgresExit,
  startEmbeddedPostgres,
} from './embedded-postgres.ts'
export { EmbeddedPostgresError } from './failure.ts'
