#include "server/store/moment_table.h"

namespace fieldmark::store {

Result<std::vector<Moment>> ReadMoments(Connection& connection, std::string_view environment,
                                        std::string_view service) {
  std::vector<Moment> moments;
  Statement rows = connection.Use(
      "SELECT at_unix_ms, look_s, judged, q_value FROM moment WHERE environment = ? AND service = ?"
      " ORDER BY at_unix_ms DESC, look_s DESC",
      environment, service);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return moments;
    moments.push_back({std::string(environment), std::string(service), rows.Int(0), rows.Int(1), rows.Int(2),
                       rows.Real(3)});
  }
}

Status WriteMoment(Connection& connection, const Moment& moment) {
  const std::string_view environment = moment.environment, service = moment.service;
  Result<Transaction> transaction = Transaction::Begin(connection, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  FM_RETURN_IF_ERROR(connection.Run(
      "INSERT OR REPLACE INTO moment(environment, service, at_unix_ms, look_s, judged, q_value)"
      " VALUES(?, ?, ?, ?, ?, ?)",
      environment, service, moment.at, moment.look_s, moment.judged, moment.q_value));
  FM_RETURN_IF_ERROR(
      connection.Run("DELETE FROM moment WHERE environment = ?1 AND service = ?2 AND (at_unix_ms, look_s) IN"
                     " (SELECT at_unix_ms, look_s FROM moment WHERE environment = ?1 AND service = ?2"
                     "  ORDER BY at_unix_ms DESC, look_s DESC LIMIT -1 OFFSET ?3)",
                     environment, service, kMomentsMax));
  return transaction->Commit();
}

Status DropMoments(Connection& connection, std::string_view service, std::string_view environment) {
  return connection.Run("DELETE FROM moment WHERE service = ?1 AND (?2 = '' OR environment = ?2)", service,
                        environment);
}

Status DropMomentsBefore(Connection& connection, UnixMs at) {
  return connection.Run("DELETE FROM moment WHERE at_unix_ms < ?", at);
}

}  // namespace fieldmark::store
