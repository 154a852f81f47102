//! A table as Parquet, by the format's own column writers: nulls and lists are levels (the Dremel encoding), not cells.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::column::{Column, Columns, Values};
use crate::ledger::Out;
use crate::report::format::Error;

/// Rows that are written together, and so held; a reader may give each group of them a thread of its own.
const GROUP: usize = 10_000;

/// Texts stand as they are: no reader of this format runs a formula. The same rows give the same bytes. Returns how many rows there are.
pub(super) fn parquet<T>(
    Columns(columns): &Columns<T>,
    mut rows: impl Iterator<Item = std::result::Result<T, Error>>,
    out: &mut Out,
) -> std::result::Result<usize, Error> {
    let fields = columns.iter().map(field).collect::<Result<_>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let mut count = 0;
    loop {
        let rows = rows.by_ref().take(GROUP).collect::<std::result::Result<Vec<T>, _>>()?;
        if rows.is_empty() {
            break;
        }
        count += rows.len();
        let mut group = writer.next_row_group()?;
        for column in columns {
            if let Some(mut open) = group.next_column()? {
                fill(&mut open, &column.values, &rows)?;
                open.close()?;
            }
        }
        group.close()?;
    }
    writer.close()?;
    Ok(count)
}

fn field<T>(column: &Column<T>) -> Result<TypePtr> {
    let text = Some(LogicalType::String);
    let (physical, logical, listed) = match &column.values {
        Values::Text(_) => (Physical::BYTE_ARRAY, text, false),
        Values::Integer(_) => (Physical::INT64, None, false),
        Values::Number(_) => (Physical::DOUBLE, None, false),
        Values::Truth(_) => (Physical::BOOLEAN, None, false),
        Values::Texts(_) => (Physical::BYTE_ARRAY, text, true),
        Values::Numbers(_) => (Physical::DOUBLE, None, true),
    };
    let name = if listed { "element" } else { &*column.name };
    let leaf = Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(Repetition::OPTIONAL);
    let leaf = Arc::new(leaf.build()?);
    if !listed {
        return Ok(leaf);
    }
    let repeated = Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![leaf]).build()?;
    let list = Type::group_type_builder(&column.name).with_logical_type(Some(LogicalType::List));
    Ok(Arc::new(list.with_repetition(Repetition::REQUIRED).with_fields(vec![Arc::new(repeated)]).build()?))
}

fn fill<T>(open: &mut SerializedColumnWriter, values: &Values<T>, rows: &[T]) -> Result<()> {
    let text = |text: &str| ByteArray::from(text);
    match values {
        Values::Text(of) => flat::<ByteArrayType>(open, rows.iter().map(|row| of(row).as_deref().map(text))),
        Values::Integer(of) => flat::<Int64Type>(open, rows.iter().map(of)),
        Values::Number(of) => flat::<DoubleType>(open, rows.iter().map(of)),
        Values::Truth(of) => flat::<BoolType>(open, rows.iter().map(|row| Some(of(row)))),
        Values::Texts(of) => {
            let texts = |row| of(row).iter().map(|one| one.as_deref().map(text)).collect();
            lists::<ByteArrayType>(open, rows.iter().map(texts))
        }
        Values::Numbers(of) => lists::<DoubleType>(open, rows.iter().map(|row| of(row).into_iter().map(Some).collect())),
    }
}

/// Level 1 is a value, 0 is null.
fn flat<D: DataType>(open: &mut SerializedColumnWriter, cells: impl Iterator<Item = Option<D::T>>) -> Result<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    open.typed::<D>().write_batch(&values, Some(&levels), None).map(drop)
}

/// Level 2 is a value, 1 is null, 0 is a list without any; what repeats goes on with the list before it.
fn lists<D: DataType>(open: &mut SerializedColumnWriter, cells: impl Iterator<Item = Vec<Option<D::T>>>) -> Result<()> {
    let (mut values, mut levels, mut repeats) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        if cell.is_empty() {
            levels.push(0);
            repeats.push(0);
        }
        for (place, value) in cell.into_iter().enumerate() {
            levels.push(1 + i16::from(value.is_some()));
            repeats.push(i16::from(place > 0));
            values.extend(value);
        }
    }
    open.typed::<D>().write_batch(&values, Some(&levels), Some(&repeats)).map(drop)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use crate::report::TableKind;
    use crate::report::table::{groups::groups, verdicts::tests::rows, verdicts::verdicts};

    fn read(bytes: Vec<u8>) -> Vec<Vec<(String, Field)>> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect()
    }

    fn cell<'a>(row: &'a [(String, Field)], name: &str) -> &'a Field {
        &row.iter().find(|(column, _)| column == name).unwrap().1
    }

    #[test]
    fn verdicts_read_back_with_types_and_nulls() {
        let (info, items, mut records) = crate::report::summary::tests::run();
        records[0].rationale = Some("=1+1\n안녕".into());
        (records[0].evidence, records[0].dimensions) = (vec![0.5, 2.0], [("motion".to_owned(), 4)].into());
        let rows = read(TableKind::Parquet.bytes(&verdicts(&["motion".to_owned()].into()), rows(&info, &items, &records)).unwrap());
        assert_eq!(rows.len(), records.len());
        assert_eq!((cell(&rows[0], "rationale"), cell(&rows[0], "dimension_motion")), (&Field::Str("=1+1\n안녕".into()), &Field::Long(4)));
        assert_eq!((cell(&rows[0], "evidence").to_string(), cell(&rows[1], "evidence").to_string()), ("[0.5, 2.0]".into(), "[]".into()));
        for (row, record) in rows.iter().zip(&records) {
            assert_eq!(cell(row, "safety"), &record.safety.map_or(Field::Null, |safety| Field::Long(safety.into())));
        }
        assert_eq!(cell(&rows[10], "outcome"), &Field::Null, "pending is no outcome");
    }

    #[test]
    fn groups_read_back_with_lists() {
        let (info, items, records) = crate::report::summary::tests::run();
        let summary = crate::report::summary::tests::summary(&info, &items, &records);
        let bytes = TableKind::Parquet.bytes(&groups(), summary.groups.clone()).unwrap();
        assert_eq!(bytes, TableKind::Parquet.bytes(&groups(), summary.groups.clone()).unwrap());
        let rows = read(bytes);
        let keys: Vec<String> = rows.iter().map(|row| format!("{} {}", cell(row, "by"), cell(row, "key"))).collect();
        assert!(keys.iter().any(|key| key == "[\"risk\", \"model\"] [\"R05\", \"x\"]"), "{keys:?}");
        assert_eq!(cell(&rows[0], "uncalibrated"), &Field::Bool(false));
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let bytes = TableKind::Parquet.bytes(&groups(), []).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        assert_eq!(reader.metadata().file_metadata().schema().get_fields().len(), groups().0.len());
    }
}
