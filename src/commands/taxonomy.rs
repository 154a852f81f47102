//! `tribunal taxonomy`: what is built in, and whether a file is sound.

use serde::Serialize;
use tribunal::taxonomy::{Lang, Taxonomy};

use super::context::{Context, Exit, Failure};
use super::{open, output};
use crate::cli::TaxonomyCommand;

#[derive(Debug, Serialize)]
struct ListJson {
    taxonomies: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    version: String,
    factors: usize,
    categories: usize,
    prompt_types: usize,
}

/// Lists, shows or checks.
pub(crate) fn run(context: &Context, command: &TaxonomyCommand) -> Result<Exit, Failure> {
    match command {
        TaxonomyCommand::List => list(context),
        TaxonomyCommand::Show { name, lang } => show(context, &open::taxonomy(name)?, (*lang).into()),
        TaxonomyCommand::Check { file } => {
            let taxonomy = open::taxonomy(&file.to_string_lossy())?;
            if context.json { output::say_json(&row(&taxonomy)) } else { output::say(&format!("sound: {}", words(&row(&taxonomy)))) }
        }
    }
    Ok(Exit::Done)
}

fn list(context: &Context) {
    let rows: Vec<Row> = Taxonomy::names().filter_map(Taxonomy::builtin).map(|taxonomy| row(&taxonomy)).collect();
    if context.json {
        output::say_json(&ListJson { taxonomies: rows });
    } else {
        rows.iter().for_each(|row| output::say(&words(row)));
    }
}

fn row(taxonomy: &Taxonomy) -> Row {
    Row {
        name: taxonomy.name.clone(),
        version: taxonomy.version.clone(),
        factors: taxonomy.factors.len(),
        categories: taxonomy.categories.len(),
        prompt_types: taxonomy.prompt_types.len(),
    }
}

fn words(row: &Row) -> String {
    format!("{} {}: {} factors in {} categories, {} prompt types", row.name, row.version, row.factors, row.categories, row.prompt_types)
}

fn show(context: &Context, taxonomy: &Taxonomy, lang: Lang) {
    if context.json {
        return output::say_json(taxonomy);
    }
    let inferred = |fields: &[String]| if fields.is_empty() { String::new() } else { format!(" [inferred: {}]", fields.join(", ")) };
    let mut lines = vec![format!("{} {}", taxonomy.name, taxonomy.version), taxonomy.source.clone()];
    for category in &taxonomy.categories {
        lines.push(format!("\n{} {}", category.code, category.name.get(lang)));
        for factor in taxonomy.factors.iter().filter(|factor| factor.category == category.code) {
            lines.push(format!("  {} {}{}", factor.code, factor.name.get(lang), inferred(&factor.inferred)));
            lines.push(format!("      {}", factor.definition.get(lang)));
        }
    }
    lines.push(String::new());
    for kind in &taxonomy.prompt_types {
        lines.push(format!("  {} {}{}: {}", kind.code, kind.name.get(lang), inferred(&kind.inferred), kind.definition.get(lang)));
    }
    output::say(&lines.join("\n"));
}
