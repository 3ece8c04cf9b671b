//! The table `sessions` as a plan of Spark Connect: the columns as declared, whatever a file lacks null, `created_date`
//! and `in_range`.
//!
//! Must not know how a plan gets to a cluster.

use std::path::Path;

use arrow::datatypes::DataType;
use jiff::civil::Date;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::expression::{ExprType, ExpressionString};
use spark_connect_proto::plan::OpType;
use spark_connect_proto::read::{DataSource, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{
    Command, CreateDataFrameViewCommand, Expression, Filter, LocalRelation, Plan, Project, Read, Relation,
    Sql,
};

use super::part;
use crate::analysis::trusted::Part;
use crate::session::schema::{self, ATTRIBUTES, IP_ADDRESS};

/// A day's file that is gone or cut off is an error, whatever the cluster's own settings say.
const OPTIONS: [(&str, &str); 3] =
    [("ignoreMissingFiles", "false"), ("ignoreCorruptFiles", "false"), ("mergeSchema", "false")];

/// What makes a pattern of a path.
const OF_PATTERNS: [char; 7] = ['\\', '{', '}', '[', ']', '*', '?'];

/// What one query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Paths as the cluster knows them, none of them a pattern.
    files: Vec<String>,
    /// The first day of the range, where there may be rows before it.
    since: Option<Date>,
    /// The part of the sessions that is meant; none means all.
    part: Option<Part>,
}

impl Reading {
    pub(super) fn new<'a>(
        files: impl Iterator<Item = &'a Path>,
        since: Option<Date>,
        part: Option<Part>,
    ) -> Self {
        Self { files: files.map(literally).collect(), since, part }
    }

    /// Makes this the table `sessions` of a session whose time zone is UTC: each moment is then naive UTC to SQL.
    pub(super) fn view(&self) -> Plan {
        // As in the local engine, the path says nothing of the day.
        let in_range = match self.since {
            None => "TRUE".to_owned(),
            Some(since) => format!("CAST(created_at AS DATE) >= DATE '{since}'"),
        };
        let columns = ["*", "CAST(created_at AS DATE) AS created_date", &format!("{in_range} AS in_range")];
        let mut sessions = projected(relation(self.day_files()), &columns);
        if let Some(part) = &self.part {
            let steps = part::address_of(ATTRIBUTES[IP_ADDRESS].column);
            let told = steps.iter().fold(sessions, |told, step| projected(told, &["*", step]));
            let told = filtered(told, &part::condition(part, "created_date"));
            let fields = schema::schema();
            let all = fields.fields().iter().map(|field| field.name().as_str());
            sessions = projected(told, &all.chain(["created_date", "in_range"]).collect::<Vec<_>>());
        }
        let view = CreateDataFrameViewCommand {
            input: Some(sessions),
            name: "sessions".to_owned(),
            is_global: false,
            replace: true,
        };
        let command = Command { command_type: Some(CommandType::CreateDataframeView(view)) };
        Plan { op_type: Some(OpType::Command(command)) }
    }

    fn day_files(&self) -> RelType {
        let schema = Some(declared());
        if self.files.is_empty() {
            return RelType::LocalRelation(LocalRelation { data: None, schema });
        }
        let options = OPTIONS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let source = DataSource {
            format: Some("parquet".to_owned()),
            schema,
            options: options.into(),
            paths: self.files.clone(),
            ..DataSource::default()
        };
        RelType::Read(Read { is_streaming: false, read_type: Some(ReadType::DataSource(source)) })
    }
}

/// A path that Spark takes for this one file, and not for a pattern that others may fit: of what a pattern finds, files
/// that are missing are not missed, and each may be found several times.
fn literally(path: &Path) -> String {
    path.to_string_lossy().chars().fold(String::new(), |mut literal, letter| {
        if OF_PATTERNS.contains(&letter) {
            literal.push('\\');
        }
        literal.push(letter);
        literal
    })
}

/// One SELECT.
pub(super) fn select(sql: &str) -> Plan {
    let sql = Sql { query: sql.to_owned(), ..Sql::default() };
    Plan { op_type: Some(OpType::Root(relation(RelType::Sql(sql)))) }
}

fn relation(rel_type: RelType) -> Relation {
    Relation { common: None, rel_type: Some(rel_type) }
}

fn projected(input: Relation, columns: &[&str]) -> Relation {
    let expressions = columns.iter().map(|column| expression(column)).collect();
    relation(RelType::Project(Box::new(Project { input: Some(Box::new(input)), expressions })))
}

fn filtered(input: Relation, condition: &str) -> Relation {
    let filter = Filter { input: Some(Box::new(input)), condition: Some(expression(condition)) };
    relation(RelType::Filter(Box::new(filter)))
}

fn expression(text: &str) -> Expression {
    let expression = ExpressionString { expression: text.to_owned() };
    Expression { expr_type: Some(ExprType::ExpressionString(expression)), ..Expression::default() }
}

/// The day files' columns in Spark's types.
fn declared() -> String {
    let fields = schema::schema();
    let column = |field: &arrow::datatypes::FieldRef| {
        let data_type = match field.data_type() {
            DataType::Boolean => "BOOLEAN",
            DataType::Float64 => "DOUBLE",
            DataType::Timestamp(..) => "TIMESTAMP",
            _ => "STRING",
        };
        format!("{} {data_type}", field.name())
    };
    fields.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_never_a_pattern() {
        for (path, literal) in [
            ("s3a://bucket/a b/é#,c", "s3a://bucket/a b/é#,c"),
            ("file:///{a,b}/[c]*?", r"file:///\{a,b\}/\[c\]\*\?"),
            (r"/odd\slash", r"/odd\\slash"),
        ] {
            assert_eq!(literally(Path::new(path)), literal);
        }
    }
}
