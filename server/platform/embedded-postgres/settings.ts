/** The file name of the socket is made from it; there is no TCP port. */
export const portNumber = 5432

/**
 * The server's settings, given on its command line: nothing in the database folder can override them.
 *
 * @param socketFolder absolute; at most 93 bytes, so that the socket in it can be addressed
 * @param clusterName shown in the title of every process, by which one that was left behind is recognised
 */
export function serverSettings(socketFolder: string, clusterName: string): readonly string[] {
  const settings: Record<string, string> = {
    // The bundled OpenSSL is an old one, and nobody but us has business here: no listener beyond the socket.
    listen_addresses: '',
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    port: String(portNumber),
    cluster_name: clusterName,
    ssl: 'off',
    password_encryption: 'scram-sha-256',
    allow_alter_system: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',

    // What was acknowledged is on the disk.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',

    // The whole product has 300 MB when idle. No replicas, no parallel queries, no I/O workers: five processes remain.
    shared_buffers: '32MB',
    max_connections: '60',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    max_worker_processes: '2',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    max_logical_replication_workers: '0',
    autovacuum_worker_slots: '2',
    autovacuum_max_workers: '2',
    io_method: 'sync',
    jit: 'off',
    huge_pages: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    min_wal_size: '48MB',
    max_wal_size: '512MB',

    // Statements, their parameters and the row values that errors quote stay out of the log: whoever sent a statement
    // gets its error, so that only what concerns the server itself is left.
    log_destination: 'stderr',
    logging_collector: 'off',
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_min_duration_statement: '-1',
    log_duration: 'off',
    log_parameter_max_length: '0',
    log_parameter_max_length_on_error: '0',
    log_autovacuum_min_duration: '-1',
    log_checkpoints: 'off',
    log_connections: '',
    log_disconnections: 'off',
    log_temp_files: '-1',
    log_line_prefix: '%m [%p] %b ',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
