/* The operations on the definitions, and their SQL statements. */
#ifndef LEVERET_STORE_DEFINITION_STATEMENTS_H
#define LEVERET_STORE_DEFINITION_STATEMENTS_H

/* Every operation with its statements, in the order they are run. ?1 is the change's first value.
 * The operations are in the order of enum definition_operation. */
#define DEFINITION_STATEMENTS(S)                                                                   \
    S(PUT_VHOST, "INSERT OR REPLACE INTO vhosts VALUES (?1, ?2, ?3, ?4)")                          \
    S(PUT_VHOST, "INSERT OR REPLACE INTO vhost_protection VALUES (?1, ?5)")                        \
    S(PUT_USER, "INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3, ?4, ?5)")                        \
    S(PUT_PERMISSION, "INSERT OR REPLACE INTO permissions VALUES (?1, ?2, ?3, ?4, ?5)")            \
    S(PUT_TOPIC_PERMISSION,                                                                        \
      "INSERT OR REPLACE INTO topic_permissions VALUES (?1, ?2, ?3, ?4, ?5)")                      \
    S(PUT_GLOBAL_PARAMETER, "INSERT OR REPLACE INTO global_parameters VALUES (?1, ?2)")            \
    S(PUT_PARAMETER, "INSERT OR REPLACE INTO parameters VALUES (?1, ?2, ?3, ?4)")                  \
    S(PUT_POLICY, "INSERT OR REPLACE INTO policies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")           \
    S(PUT_EXCHANGE, "INSERT OR REPLACE INTO exchanges VALUES (?1, ?2, ?3, ?4, ?5, ?6)")            \
    S(PUT_QUEUE, "INSERT OR REPLACE INTO queues VALUES (?1, ?2, ?3, ?4, ?5)")                      \
    S(PUT_QUEUE, "INSERT OR REPLACE INTO queue_users SELECT ?5, ?6 WHERE ?6 <> ''")                \
    S(PUT_BINDING, "INSERT OR IGNORE INTO bindings VALUES (?1, ?2, ?3, ?4, ?5, ?6)")               \
    S(PUT_SEEN, "INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                 \
    S(DELETE_VHOST, "DELETE FROM seen WHERE vhost = ?1")                                           \
    S(DELETE_VHOST, "DELETE FROM vhosts WHERE name = ?1")                                          \
    S(DELETE_VHOST, "DELETE FROM vhost_protection WHERE name = ?1")                                \
    S(DELETE_VHOST, "DELETE FROM permissions WHERE vhost = ?1")                                    \
    S(DELETE_VHOST, "DELETE FROM topic_permissions WHERE vhost = ?1")                              \
    S(DELETE_VHOST, "DELETE FROM parameters WHERE vhost = ?1")                                     \
    S(DELETE_VHOST, "DELETE FROM policies WHERE vhost = ?1")                                       \
    S(DELETE_VHOST, "DELETE FROM exchanges WHERE vhost = ?1")                                      \
    S(DELETE_VHOST,                                                                                \
      "DELETE FROM queue_users WHERE id IN (SELECT id FROM queues WHERE vhost = ?1)")              \
    S(DELETE_VHOST, "DELETE FROM queues WHERE vhost = ?1")                                         \
    S(DELETE_VHOST, "DELETE FROM bindings WHERE vhost = ?1")                                       \
    S(DELETE_USER, "DELETE FROM users WHERE name = ?1")                                            \
    S(DELETE_USER, "DELETE FROM permissions WHERE user = ?1")                                      \
    S(DELETE_USER, "DELETE FROM topic_permissions WHERE user = ?1")                                \
    S(DELETE_PERMISSION, "DELETE FROM permissions WHERE user = ?1 AND vhost = ?2")                 \
    S(DELETE_TOPIC_PERMISSION, "DELETE FROM topic_permissions"                                     \
                               " WHERE user = ?1 AND vhost = ?2 AND (?3 = '' OR exchange = ?3)")   \
    S(DELETE_GLOBAL_PARAMETER, "DELETE FROM global_parameters WHERE name = ?1")                    \
    S(DELETE_PARAMETER,                                                                            \
      "DELETE FROM parameters WHERE vhost = ?1 AND component = ?2 AND name = ?3")                  \
    S(DELETE_POLICY, "DELETE FROM policies WHERE vhost = ?1 AND is_operator = ?2 AND name = ?3")   \
    S(DELETE_EXCHANGE, "DELETE FROM seen WHERE vhost = ?1 AND is_queue = 0 AND name = ?2")         \
    S(DELETE_EXCHANGE, "DELETE FROM exchanges WHERE vhost = ?1 AND name = ?2")                     \
    S(DELETE_EXCHANGE, "DELETE FROM bindings WHERE vhost = ?1 AND source = ?2")                    \
    S(DELETE_EXCHANGE,                                                                             \
      "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = 0 AND destination = ?2")            \
    S(DELETE_QUEUE, "DELETE FROM seen WHERE vhost = ?1 AND is_queue = 1 AND name = ?2")            \
    S(DELETE_QUEUE, "DELETE FROM queue_users WHERE id ="                                           \
                    " (SELECT id FROM queues WHERE vhost = ?1 AND name = ?2)")                     \
    S(DELETE_QUEUE, "DELETE FROM queues WHERE vhost = ?1 AND name = ?2")                           \
    S(DELETE_QUEUE,                                                                                \
      "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = 1 AND destination = ?2")            \
    S(DELETE_BINDING, "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = ?2"                 \
                      " AND destination = ?3 AND source = ?4 AND routing_key = ?5"                 \
                      " AND arguments = ?6")                                                       \
    S(DELETE_SEEN, "DELETE FROM seen"                                                              \
                   " WHERE vhost = ?1 AND is_queue = ?2 AND name = ?3 AND low = ?4 AND high = ?5")

enum definition_operation {
    PUT_VHOST,
    PUT_USER,
    PUT_PERMISSION,
    PUT_TOPIC_PERMISSION,
    PUT_GLOBAL_PARAMETER,
    PUT_PARAMETER,
    PUT_POLICY,
    PUT_EXCHANGE,
    PUT_QUEUE,
    PUT_BINDING,
    PUT_SEEN,
    DELETE_VHOST,
    DELETE_USER,
    DELETE_PERMISSION,
    DELETE_TOPIC_PERMISSION,
    DELETE_GLOBAL_PARAMETER,
    DELETE_PARAMETER,
    DELETE_POLICY,
    DELETE_EXCHANGE,
    DELETE_QUEUE,
    DELETE_BINDING,
    DELETE_SEEN,
    DEFINITION_OPERATION_COUNT
};

#define STATEMENT_ONE(operation, sql) +1
enum { DEFINITION_STATEMENT_COUNT = DEFINITION_STATEMENTS(STATEMENT_ONE) };
#undef STATEMENT_ONE

#endif
